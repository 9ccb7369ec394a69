/** `fxfer conformance --client`: this project's own client is judged, and some that are none. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { fxfer } from "../helpers/fxfer.ts";
import { TempDir } from "../helpers/temp.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const SEND = `${Deno.execPath()} run -A --quiet ${MAIN} send --port {port} {file}`;

async function judge(command: string) {
  await using folder = await TempDir.make();
  const { code, out, err } = await fxfer(["conformance", "--json", "--client", command], {
    cwd: folder.path,
  });
  const lines = out.trimEnd().split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line)
  );
  return { code, err, lines, summary: lines.pop()?.summary };
}

Deno.test("finds every rule kept by the client of this project", async () => {
  const { code, lines, summary } = await judge(SEND);
  assert.deepEqual(lines.filter(({ verdict }) => verdict !== "kept"), []);
  assert.deepEqual([code, summary], [0, { kept: 16, broken: 0, skipped: 0 }]);
});

Deno.test("skips the rules of sessions for a client that opens none", async () => {
  const { code, summary } = await judge(SEND.replace("send", "send --mode stateless"));
  assert.deepEqual([code, summary], [0, { kept: 9, broken: 0, skipped: 7 }]);
});

Deno.test("finds a program that sends nothing out, whatever it says", async () => {
  const { code, lines, summary } = await judge("true {port} {file}");
  assert.deepEqual([code, summary.kept, summary.broken], [3, 0, 16]);
  assert.ok(lines.every(({ seen }) => /^no frame came; exit code 0$/.test(seen)));
});

Deno.test("says what is wrong with a command", async () => {
  const missing = await judge("no-such-program {port} {file}");
  assert.deepEqual([missing.code, missing.lines], [1, []]);
  assert.match(missing.err, /Cannot run no-such-program: there is no such program/);
  const marks = await judge("true {port}");
  assert.equal(marks.code, 1);
  assert.match(marks.err, /the command has no \{file\} in it/);
  await using folder = await TempDir.make();
  const neither = await fxfer(["conformance"], { cwd: folder.path });
  assert.equal(neither.code, 1);
  assert.match(neither.err, /Name a server as HOST:PORT, or a client by --client/);
});
