import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readManifest } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { type Ran, ranToEnd } from "../helpers/ran.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const bench = (args: readonly string[]): Promise<Ran> => fxfer(["bench", ...args], { cwd: ROOT });

const test = serving("", { set: { "stateful.max_sessions": 100 } });

test("fxfer bench measures a running server in both modes", async (server) => {
  const target = `127.0.0.1:${server.port}`;
  const flags = ["--files", "100", "--connections", "10"];
  const before = (await readManifest(server.storage)).length;
  const { code, out, err } = await bench([target, ...flags]);
  assert.deepEqual([code, err], [0, ""]);
  const rows = out.trimEnd().split("\n").slice(2).map((line) => line.split("|"));
  const cells = rows.map((row) => [row[1]!.trim(), row[2]!.trim(), row.at(-2)!.trim()].join(" "));
  const expected = ["B", "C", "D1", "D50", "P"].flatMap((name) => [
    `${name} stateless 0`,
    `${name} stateful 0`,
  ]);
  assert.deepEqual(cells, expected);
  // B, C and P send 100 files, D1 40, D50 50, and all that in two modes.
  assert.equal((await readManifest(server.storage)).length - before, 2 * (3 * 100 + 40 + 50));
});

test("fxfer bench --json writes one object, and what was refused is exit code 9", async (server) => {
  const target = `127.0.0.1:${server.port}`;
  const asked = ["--scenarios", "A,B", "--mode", "stateless", "--files", "200", "--json"];
  const { code, out } = await bench([target, ...asked]);
  const { rows, errors } = JSON.parse(out);
  // 40 MiB at once is over stateless.max_request_size.
  assert.deepEqual([code, errors], [9, { too_large: 1 }]);
  assert.deepEqual(rows.map(({ scenario }: { scenario: string }) => scenario), ["A", "B"]);
  assert.ok(rows[1].value > 0 && rows[1].p99Ms > 0);
});

Deno.test("fxfer bench says what is wrong with its flags, all at once", async () => {
  const { code, err } = await bench(["nowhere", "--scenarios", "B,Z", "--files", "0"]);
  assert.equal(code, 1);
  for (const wanted of [/HOST:PORT/, /--scenarios/, /--files/]) assert.match(err, wanted);
});

Deno.test("fxfer bench cannot measure where nobody listens: exit code 2", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, err } = await bench([`127.0.0.1:${port}`]);
  assert.equal(code, 2);
  assert.match(
    err,
    /^fxfer: Cannot connect to 127\.0\.0\.1:\d+: connection refused \(is the server running/,
  );
});

Deno.test("deno task bench prints a table, writes JSON and leaves nothing", async () => {
  await using folder = await TempDir.make();
  const json = folder.join("out.json");
  await Deno.mkdir(folder.join("storage"));
  const { code, out, err } = await ranToEnd(Deno.execPath(), {
    args: [
      ...["run", "-A", `${ROOT}tests/bench/main.ts`, "--quick", "--scenarios", "B,start"],
      ...["--only", "stateless,stateful", "--json", json, "--dir", folder.join("storage")],
    ],
  });
  assert.equal(code, 0, err);
  assert.match(out, /\| B +\| stateful +\|/);
  const { rows } = JSON.parse(await Deno.readTextFile(json));
  assert.equal(rows.length, 3);
  assert.ok(rows.every(({ value, errors }: Record<string, number>) => value! > 0 && errors === 0));
  assert.deepEqual([...Deno.readDirSync(folder.join("storage"))], []);
});
