/**
 * What a file costs the programs, server and client, in counts that do not depend on the machine: system
 * calls and bytes allocated. The bounds are in bounds.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "../helpers/random.ts";
import { command, FLAGS_RW, Program } from "../helpers/program.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { COUNTING } from "./allocated.ts";
import { assertCost, isWithin, perFile } from "./bounds.ts";
import { median } from "./measure.ts";

const MODES = ["stateless", "stateful"] as const;
type Mode = (typeof MODES)[number];

const FILES = 400;

/** The bounds are those of sessions in the server's memory. */
const set = { "stateful.persistence": "memory" };

/** Sends files of 1 KiB, each when the one before is answered. */
async function sendFiles(peer: RawPeer, mode: Mode): Promise<void> {
  const payload = "x".repeat(1024);
  for (let i = 0; i < FILES; i++) {
    const reply = mode === "stateful" ? peer.upload(payload) : peer.stateless(payload);
    assert.equal((await reply).data.code, "ok");
  }
}

/** How often each system call was made, from what `strace -c` says. */
function callsIn(summary: string, named: RegExp): ReadonlyMap<string, number> {
  const rows = summary.split("\n").map((line) => line.trim().split(/\s+/));
  const counted = rows.filter((row) => named.test(row.at(-1)!));
  assert.ok(counted.length > 4, summary);
  return new Map(counted.map((row) => [row.at(-1)!, Number(row[3])]));
}

/** Makes `run` happen while strace counts the calls of a program; returns its summary. */
async function straced(strace: string, pid: number, run: () => Promise<void>): Promise<string> {
  const options: Deno.CommandOptions = { args: ["-f", "-c", "-p", `${pid}`], stderr: "piped" };
  const counting = new Deno.Command(strace, options).spawn();
  const reader = counting.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? ""; // it says that it is attached
  await run();
  counting.kill("SIGINT");
  for (let part; (part = (await reader.read()).value) !== undefined;) text += part;
  await counting.status;
  return text;
}

/** The calls that serve files. Others come from timers and from the runtime: they are not counted. */
const SERVER_CALLS =
  /^(openat|write|writev|rename|link|unlink|close|fchmod|access|lseek|flock|fsync|fdatasync|sendto|recvfrom)$/;

for (const mode of MODES) {
  testWith(["strace"], `counted: the server's system calls of a file, ${mode}`, async (strace) => {
    await using server = await Program.serve({ flags: FLAGS_RW, set });
    using peer = await RawPeer.open(server);
    if (mode === "stateful") await peer.connect();
    await sendFiles(peer, mode);
    const [writes, others]: [number[], number[]] = [[], []];
    const least = () => ({
      "server writes": Math.min(...writes),
      [`server calls, ${mode}`]: Math.min(...others),
    });
    const isLow = () => Object.entries(least()).every(([cost, value]) => isWithin(cost, value));
    // A busy machine adds some: threads are woken, and the manifest is looked at once a millisecond.
    for (let pass = 0; pass < 3 && !isLow(); pass++) {
      const summary = await straced(strace, server.pid, () => sendFiles(peer, mode));
      const calls = callsIn(summary, SERVER_CALLS);
      writes.push(calls.get("write")! / FILES);
      others.push(perFile(calls.values(), FILES) - writes.at(-1)!);
    }
    for (const [cost, value] of Object.entries(least())) assertCost(cost, value);
  });
}

/** Without `write`, by which the client's threads also wake each other. */
const CLIENT_CALLS = /^(openat|read|readv|statx|close|fcntl|lseek|sendto|sendmsg|writev|recvfrom)$/;

for (const mode of MODES) {
  testWith(["strace"], `counted: the client's system calls of a file, ${mode}`, async (strace) => {
    await using server = await Program.serve({ flags: FLAGS_RW, set });
    await using dir = await TempDir.make();
    const folder = async (count: number): Promise<string> => {
      const path = dir.join(`folder${count}`);
      await Deno.mkdir(path);
      for (let i = 0; i < count; i++) {
        await Deno.writeFile(`${path}/file${i}`, randomBytes(1024, count + i));
      }
      return path;
    };
    let runs = 0;
    const callsOf = async (path: string): Promise<number> => {
      const where = ["--port", `${server.port}`, "--mode", mode, "--state", dir.join(`s${++runs}`)];
      const client = command(["send", "-r", "--quiet", ...where, path], ["-A"]);
      const args = ["-f", "-c", "-o", dir.join("summary"), ...client];
      const { code, err } = await ranToEnd(strace, { args, cwd: dir.path });
      assert.equal(code, 0, err);
      const summary = await Deno.readTextFile(dir.join("summary"));
      return perFile(callsIn(summary, CLIENT_CALLS).values(), 1);
    };
    // A start takes thousands: what more files add is theirs. The first run fills Deno's caches, and a busy
    // machine adds some to the others.
    const [few, many] = [await folder(100), await folder(100 + FILES)];
    await callsOf(few);
    const [fewCalls, manyCalls]: [number[], number[]] = [[], []];
    const perMore = () => (Math.min(...manyCalls) - Math.min(...fewCalls)) / FILES;
    const cost = `client calls, ${mode}`;
    for (let pass = 0; pass < 3 && !(pass > 0 && isWithin(cost, perMore())); pass++) {
      fewCalls.push(await callsOf(few));
      manyCalls.push(await callsOf(many));
    }
    assertCost(cost, perMore());
  });
}

/** The middle of them counts: in one the program may do something else as well, or collect its garbage. */
const PASSES = 5;

/** Files of a pass of the client, whose buffers would make it collect garbage after some more. */
const SENT = 150;

for (const mode of MODES) {
  // Windows has no signal that asks for the figure.
  const ignore = Deno.build.os === "windows";
  Deno.test(`counted: what the server allocates for a file, ${mode}`, { ignore }, async () => {
    await using server = await Program.serve({ flags: [...FLAGS_RW, ...COUNTING], set });
    using peer = await RawPeer.open(server);
    if (mode === "stateful") await peer.connect();
    let asked = 0;
    const heap = async (): Promise<number> => {
      server.signal("SIGUSR2");
      const number = ++asked;
      let seen = 0;
      return (await server.event("bench.allocated", () => ++seen === number)).bytes;
    };
    await sendFiles(peer, mode);
    const bytes: number[] = [];
    let before = await heap();
    for (let pass = 0; pass < PASSES; pass++) {
      await sendFiles(peer, mode);
      const after = await heap();
      bytes.push(after - before);
      before = after;
    }
    assertCost(`server heap, ${mode}`, median(bytes) / FILES);
  });

  Deno.test(`counted: what the client allocates for a file, ${mode}`, async () => {
    await using server = await Program.serve({ flags: FLAGS_RW, set });
    const sender = new URL("sender.ts", import.meta.url).href;
    const [flags] = COUNTING;
    const args = ["run", "-A", flags!, sender, `${server.port}`, mode, `${PASSES}`, `${SENT}`];
    const { code, out, err } = await ranToEnd(Deno.execPath(), { args });
    assert.equal(code, 0, err);
    assertCost(`client heap, ${mode}`, median(out.trim().split("\n").map(Number)) / SENT);
  });
}
