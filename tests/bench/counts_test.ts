/**
 * What a file costs, in counts that do not depend on the machine: system calls, calls and bytes of the store,
 * bytes on the wire. One more of a kind for each file fails here, where a clock would not show it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import type { SessionRecord } from "../../src/session/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { StoredRings } from "../../src/store/stored_rings.ts";
import { InProcess } from "../helpers/in_process.ts";
import { FLAGS_RW, Program } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { testWith } from "../helpers/require.ts";
import { Wiretap } from "../helpers/wiretap.ts";

/** The calls that serve files. Others come from timers and from the runtime: they are not counted. */
const CALLS =
  /^(openat|write|writev|rename|link|unlink|close|fchmod|access|lseek|flock|fsync|fdatasync|sendto|recvfrom)$/;

/** Makes `run` happen while strace counts the calls of a program; returns how many of each there were. */
async function countCalls(
  strace: string,
  pid: number,
  run: () => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const options: Deno.CommandOptions = { args: ["-f", "-c", "-p", `${pid}`], stderr: "piped" };
  const counting = new Deno.Command(strace, options).spawn();
  const reader = counting.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? ""; // it says that it is attached
  await run();
  counting.kill("SIGINT");
  for (let part; (part = (await reader.read()).value) !== undefined;) text += part;
  await counting.status;
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const counted = rows.filter((row) => CALLS.test(row.at(-1)!));
  assert.ok(counted.length > 5, text);
  return new Map(counted.map((row) => [row.at(-1)!, Number(row[3])]));
}

const FILES = 400;

/** The claim, the file and its line are written, and a line of the log; now and then a thread is woken. */
const WRITES = 4.7;

/** Open, mode and close of the file, its name, the place of its line, question and answer. */
const OTHER_CALLS = [
  ["stateless", 7],
  ["stateful", 8], // and a look whether the final name is free
] as const;

for (const [mode, most] of OTHER_CALLS) {
  const name = `a small file takes about ${most} system calls besides its writes, ${mode}`;
  testWith(["strace"], name, async (strace) => {
    await using server = await Program.serve({ flags: FLAGS_RW });
    using peer = await RawPeer.open(server);
    if (mode === "stateful") await peer.connect();
    const payload = "x".repeat(1024);
    const send = async () => {
      for (let i = 0; i < FILES; i++) {
        const reply = mode === "stateful" ? peer.upload(payload) : peer.stateless(payload);
        assert.equal((await reply).data.code, "ok");
      }
    };
    await send();
    const calls = await countCalls(strace, server.pid, send);
    const writes = calls.get("write")! / FILES;
    const others = [...calls.values()].reduce((sum, count) => sum + count, 0) / FILES - writes;
    assert.ok(writes <= WRITES + 0.8, `${writes} writes a file`);
    // A busy machine adds some: the manifest is looked at once a millisecond, and threads are woken.
    assert.ok(others < most + 1.5, JSON.stringify([...calls]));
  });
}

/** A store in memory that counts, and counts as one that outlives the process if asked to. */
class CountingStore extends MemorySessionStore {
  loads = 0;
  saves = 0;
  /** What a store is sent that keeps the replies beside the record. */
  bytes = 0;
  readonly #rings = new StoredRings();
  override readonly persistent: false;
  constructor(persistent: boolean) {
    super();
    this.persistent = persistent as false;
  }
  override load(id: string): Promise<SessionRecord | undefined> {
    this.loads++;
    return super.load(id);
  }
  override save(record: SessionRecord, maxLive?: number): Promise<boolean> {
    this.saves++;
    this.bytes +=
      JSON.stringify([{ ...record, ring: [] }, this.#rings.change(record).added]).length;
    this.#rings.note(record);
    return super.save(record, maxLive);
  }
}

for (const [name, persistent, most] of [["memory", false, 1], ["disk", true, 2]] as const) {
  Deno.test(`a small file takes ${most} saves and no load, in a store on ${name}`, async () => {
    await using store = new CountingStore(persistent);
    await using run = await InProcess.start({ store });
    using peer = await run.attached();
    const before = [store.loads, store.saves];
    for (let i = 0; i < 20; i++) assert.equal((await peer.upload("file")).data.code, "ok");
    assert.deepEqual([store.loads - before[0]!, store.saves - before[1]!], [0, 20 * most]);
  });
}

Deno.test("a small file takes at most 2.5 kB to a store, and its session keeps one reply (S-SEQ-6)", async () => {
  await using store = new CountingStore(true);
  await using run = await InProcess.start({ store });
  await using client = await connect({ port: run.port });
  await client.send(new Uint8Array(1024));
  const before = store.bytes;
  for (let i = 0; i < 50; i++) {
    await client.send(new Uint8Array(1024).fill(i), { name: "name.bin" });
  }
  const each = (store.bytes - before) / 50;
  assert.ok(each > 500 && each <= 2500, `${each} bytes a file`);
  assert.equal((await run.record(client.sessionId!)).ring.length, 1);
});

Deno.test("a small file takes at most 600 bytes to the server and 700 back, besides its own", async () => {
  await using run = await InProcess.start();
  await using tap = new Wiretap(run.port);
  const count = (parts: Uint8Array[][]) =>
    parts.flat().reduce((sum, { length }) => sum + length, 0);
  await using client = await connect({ port: tap.port });
  await client.send(new Uint8Array(1024));
  const [sent, answered] = [count(tap.sent), count(tap.answered)];
  for (let i = 0; i < 50; i++) {
    await client.send(new Uint8Array(1024).fill(i), { name: "name.bin" });
  }
  const out = (count(tap.sent) - sent) / 50 - 1024;
  const back = (count(tap.answered) - answered) / 50;
  assert.ok(out > 100 && out <= 600, `${out} bytes a file to the server`);
  assert.ok(back > 100 && back <= 700, `${back} bytes a file back`);
});
