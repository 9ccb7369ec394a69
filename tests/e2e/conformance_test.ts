import assert from "node:assert/strict";
import { ProbeClient } from "../../src/conformance/mod.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_RW, FLAGS_W } from "../helpers/program.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

/** The verdicts on a server. */
async function conformance(port: number) {
  await using folder = await TempDir.make();
  const { code, out, err } = await fxfer(["conformance", "--json", `127.0.0.1:${port}`], {
    cwd: folder.path,
    flags: ["--no-prompt", "--allow-net"],
  });
  const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  const { summary } = lines.pop();
  return { code, err, lines, summary };
}

const RIGHTS = ["put", "get", "list", "remove"];
const ALLOW_ALL = ["--set", `security.anonymous=${RIGHTS}`];

const test = serving("fxfer conformance", { flags: FLAGS_RW, args: ALLOW_ALL });
const writing = serving("fxfer conformance, tier W", { flags: FLAGS_W });
const alone = serving("fxfer conformance, stateless", { args: ["--mode", "stateless"] });

test("finds every rule kept by the server of this project", async (server) => {
  const { code, err, lines, summary } = await conformance(server.port);
  assert.deepEqual(lines.filter(({ verdict }) => verdict !== "kept"), []);
  assert.deepEqual([code, err, summary.broken, summary.skipped], [0, "", 0, 0]);
  assert.ok(summary.kept >= 35, `${summary.kept} rules`);
  const text = await fxfer(["conformance", `127.0.0.1:${server.port}`], { cwd: server.cwd });
  assert.equal(text.code, 0);
  assert.match(text.out, /^S-CON-1 {2}kept {4} a new session has a UUIDv4/m);
  assert.ok(text.out.split("\n").every((line) => [...line].length <= 80), text.out);
});

writing("skips what is not allowed, and finds the rest kept", async (server) => {
  const { code, lines, summary } = await conformance(server.port);
  assert.deepEqual([code, summary.broken], [0, 0]);
  const skipped = lines.filter(({ verdict }) => verdict === "skipped");
  assert.ok(skipped.every(({ rule }) => /^S-(?:GET|LST|REM|ACT|NAM)-/.test(rule)));
});

test("S-CON-6 states the terms that the text of sessions names, and no others", async (server) => {
  const text = await Deno.readTextFile(new URL("../../src/session/mod.ts", import.meta.url));
  const [, rule] = /S-CON-6 ([^]*?)\n \* - S-/.exec(text)!;
  const told = new Set(Array.from(rule!.matchAll(/`([a-z_]+)`/g), ([, name]) => name!));
  using peer = await ProbeClient.open({ hostname: "127.0.0.1", port: server.port });
  const { data } = await peer.connect();
  const { code: _code, class: _class, message: _message, next_sequence, upload, ...terms } = data;
  assert.deepEqual([next_sequence, upload], [1, null]);
  const names = [terms, terms.limits, terms.server].flatMap((part) => Object.keys(part));
  // The storage of this server keeps upload ids, so it does not say that it cannot.
  assert.deepEqual([...told].sort(), [...names, "upload_ids"].sort());
  const { data: alone } = await peer.ask({ action: "connect" });
  assert.equal(alone.code, "ok");
  assert.deepEqual(Object.keys(alone.limits), Object.keys(terms.limits).slice(0, 3));
});

alone("skips the rules of sessions where there are none", async (server) => {
  const { code, summary } = await conformance(server.port);
  assert.deepEqual([code, summary.broken], [0, 0]);
  assert.ok(summary.skipped > 10);
});

Deno.test("fxfer conformance names what a server breaks that is none, and exits 3", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    for await (const conn of listener) {
      await conn.write(new TextEncoder().encode("220 mail.example ESMTP\r\n")).catch(() => {});
      conn.close();
    }
  })().catch(() => {});
  const { port } = listener.addr as Deno.NetAddr;
  const { code, summary } = await conformance(port);
  assert.equal(code, 3);
  assert.equal(summary.kept, 0);
  listener.close();
  await served;
});

Deno.test("fxfer conformance without a server is exit 2, without an address exit 1", async () => {
  await using folder = await TempDir.make();
  const away = await fxfer(["conformance", "127.0.0.1:1"], { cwd: folder.path });
  assert.equal(away.code, 2);
  assert.match(
    away.err,
    /^fxfer: Cannot connect to 127\.0\.0\.1:1: connection refused \(is the server running/,
  );
  assert.equal((await fxfer(["conformance", "x"], { cwd: folder.path })).code, 1);
});
