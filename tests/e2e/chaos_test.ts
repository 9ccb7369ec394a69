import assert from "node:assert/strict";
import { fxfer, start } from "../helpers/fxfer.ts";
import { sha256, storedSha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;
const test = serving("fxfer chaos");

/** Starts the command and reads its events. */
async function chaos(args: readonly string[], cwd: string) {
  const run = start(["chaos", "--json", ...args], { cwd });
  const listening = JSON.parse(await run.output.wait(() => true, "the first line"));
  const stop = async () => {
    run.kill("SIGTERM");
    const { code, out, err } = await run.ended;
    return { code, err, events: out.trimEnd().split("\n").map((line) => JSON.parse(line)) };
  };
  return { listening, stop };
}

test("breaks the first connections at exact bytes, and a client survives it", async (server) => {
  await using folder = await TempDir.make();
  const bytes = new Random(1).bytes(10 * MIB);
  await Deno.writeFile(folder.join("big.bin"), bytes);
  const args = ["--to", `${server.hostname}:${server.port}`, "--reset", "3MiB", "--first", "2"];
  const proxy = await chaos([...args, "--chunk", "64k", "--delay", "1ms"], folder.path);
  const { port } = proxy.listening;
  const sent = await fxfer(["send", "-p", String(port), "--json", "big.bin"], { cwd: folder.path });
  const { code, err, events } = await proxy.stop();
  assert.deepEqual([sent.code, code, err], [0, 0, ""], sent.err);
  // The last line is the sum.
  const { path, resumed_from } = JSON.parse(sent.out.trimEnd().split("\n").at(-2)!);
  assert.equal(resumed_from.length, 2);
  assert.equal(await storedSha256(server.storage, path), sha256(bytes));
  assert.deepEqual(
    events.filter(({ type }) => type === "fault"),
    [0, 1].map((connection) => ({
      type: "fault",
      connection,
      direction: "up",
      fault: { after: 3 * MIB, kind: "reset" },
    })),
  );
  const closed = events.filter(({ type }) => type === "closed");
  assert.deepEqual(closed.slice(0, 2).map(({ up }) => up), [3 * MIB, 3 * MIB]);
});

test("stalls for a time, in the direction asked for", async (server) => {
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("a.txt"), "a");
  const args = ["--to", `127.0.0.1:${server.port}`, "--stall", "0:300ms", "--direction", "down"];
  const proxy = await chaos(args, folder.path);
  const begun = performance.now();
  const sent = await fxfer(["send", "-q", "-p", String(proxy.listening.port), "a.txt"], {
    cwd: folder.path,
  });
  assert.equal(sent.code, 0, sent.err);
  assert.ok(performance.now() - begun >= 300);
  const { events } = await proxy.stop();
  const { direction, fault } = events.find(({ type }) => type === "fault");
  assert.deepEqual([direction, fault], ["down", { after: 0, kind: "stall", ms: 300 }]);
});

Deno.test("fxfer chaos names every wrong flag at once, and a port that is taken", async () => {
  await using folder = await TempDir.make();
  const wrong = await fxfer(
    ["chaos", "--listen", "x", "--reset", "1:2", "--stall", "5:soon", "--direction", "left"],
    { cwd: folder.path },
  );
  assert.equal(wrong.code, 1);
  assert.equal(
    wrong.err,
    'fxfer: --listen: wanted a port or host:port, found "x"; --to is missing: --to=HOST:PORT; ' +
      '--direction: wanted up, down or both, found "left"; ' +
      '--reset: wanted bytes such as 5MiB, found "1:2"; ' +
      '--stall: wanted bytes such as 5MiB, found "5:soon" (see fxfer chaos --help)\n',
  );
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const twice = await fxfer(["chaos", "--listen", String(port), "--to", "127.0.0.1:1"], {
    cwd: folder.path,
  });
  assert.equal(twice.code, 8);
  assert.equal(
    twice.err,
    `fxfer: Cannot listen on 127.0.0.1:${port}: the port is in use (--listen 0 picks a free one)\n`,
  );
});
