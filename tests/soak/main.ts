/**
 * Endurance: a mixed load through real HAProxy on two servers with one Redis, for minutes, while a server is
 * stopped, killed and started again, and the Redis is killed and its replica takes over, or it stands still. A
 * prober outside tells whether the service is there; the server that is never restarted shows whether memory
 * or handles grow. Beside them the disk of a third server is filled and freed (full_disk.ts).
 *
 *     deno run -A tests/soak/main.ts --minutes 2
 *
 * What it stores stays until its end: two gigabytes a minute here.
 *
 * Exit code 1: error rate of 1 % or more, availability under 99.9 %, a file that was confirmed and is not
 * stored, growth, or a disturbance that did not take place. The figures are printed in any case.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script that reports
import { parseArgs } from "node:util";
import { connect } from "../../src/client/mod.ts";
import { Cluster } from "../helpers/cluster.ts";
import { listStored } from "../helpers/files.ts";
import { FLAGS_RW } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RedisSentinels } from "../helpers/redis_cluster.ts";
import { findProgram } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { fillAndFree } from "./full_disk.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "2" } } });
const totalMs = Number(values.minutes) * 60_000;

/**
 * Between two probes; a probe is answered if a fresh upload succeeds within its time, retries included. While a
 * replica of Redis takes over, no server is ready, and HAProxy has to see them come back.
 */
const PROBE_MS = 200;
const PROBE_PATIENCE_MS = 10_000;

/** A server with nothing to do cleans up after half a minute (S-FAIR-2): what it takes after that is in use. */
const CLEANED_UP_MS = 45_000;

/** Sentinels that the machine has let stand still change nothing for half a minute (Redis calls it TILT). */
const NEW_MASTER_MS = 60_000;

/** Something is done to the cluster so often. */
const DISTURB_MS = 12_000;

/** Between two files of one client, so that two cores are not all the time busy with it. */
const PAUSE_MS = 20;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const [haproxy, redisProgram] = [findProgram("haproxy"), findProgram("redis-server")];
if (haproxy === undefined || redisProgram === undefined) {
  console.error("Cannot soak: haproxy and redis-server are not installed");
  Deno.exit(1);
}
const random = new Random(2026);
await using redis = await RedisSentinels.start(redisProgram);
await using cluster = await Cluster.start(haproxy, {
  // As `deno task serve` and the compiled programs start it: without, V8 alone may take 192 MiB for new objects.
  flags: ["--v8-flags=--max-semi-space-size=8", ...FLAGS_RW],
  store: ["--persistence", "redis", "--redis-url", redis.url],
  set: { "server.max_connections": 500, "stateful.max_sessions": 5000, "server.drain_timeout": 2 },
});

const count = {
  longestProbeMs: 0,
  failovers: 0,
  sent: 0,
  failed: 0,
  probes: 0,
  missed: 0,
  resumed: 0,
};
const confirmed: string[] = [];
const reasons = new Map<string, number>();
let running = true;

/** One client that sends files of all sizes until the end, and connects anew when it has lost its session. */
async function load(mode: "stateless" | "stateful"): Promise<void> {
  while (running) {
    try {
      await using client = await connect({ port: cluster.port, mode, retries: 30 });
      for (let files = 0; running && files < 40; files++) {
        const size = random.int(0, 10) === 0 ? 3_000_000 : random.int(0, 20_000);
        const { confirmed: isStored, file } = await client.send(random.bytes(size), {
          name: `soak-${size}.bin`,
        });
        count.sent++;
        if (isStored && file !== undefined) confirmed.push(file.path);
        await pause(PAUSE_MS);
      }
    } catch (error) {
      count.failed++;
      const { code = String(error) } = error as { code?: string };
      reasons.set(code, (reasons.get(code) ?? 0) + 1);
      await pause(100);
    }
  }
}

/** Asks from outside whether the service is there. */
async function probe(): Promise<void> {
  while (running) {
    const begun = performance.now();
    count.probes++;
    try {
      const signal = AbortSignal.timeout(PROBE_PATIENCE_MS);
      await using client = await connect({ port: cluster.port, mode: "stateless", signal });
      await client.send(new TextEncoder().encode("probe"), { name: "probe.txt" });
    } catch (error) {
      count.missed++;
      const { code = String(error) } = error as { code?: string };
      reasons.set(`probe: ${code}`, (reasons.get(`probe: ${code}`) ?? 0) + 1);
    }
    const took = performance.now() - begun;
    count.longestProbeMs = Math.max(count.longestProbeMs, took);
    await pause(Math.max(0, PROBE_MS - took));
  }
}

/** The Redis that the Sentinels name at this moment, and the other one. */
async function masterAndReplica() {
  const said = await redis.sentinels[0]!.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mine");
  const { master, replica } = redis;
  return said.includes(`\n${master.port}\r`) ? [master, replica] : [replica, master];
}

/** The master is killed; when its replica has taken over it comes back, empty, and follows that one. */
async function failOver(): Promise<void> {
  const [master, replica] = await masterAndReplica();
  // On a busy machine it may close a connection unanswered: it is asked again.
  const role = () => replica!.command("INFO", "replication").catch(() => "");
  await until(async () => (await role()).includes("master_link_status:up"), "a copy", 60_000);
  await master!.kill();
  await until(async () => (await role()).includes("role:master"), "a new master", NEW_MASTER_MS);
  await until(
    async () => (await masterAndReplica())[0] === replica,
    "that all know it",
    NEW_MASTER_MS,
  );
  await master!.start();
  count.failovers++;
}

/**
 * Server a is stopped, or killed, and started again; the Redis fails over, or stands still for a shorter time
 * than makes it fail over. Server b stays.
 */
async function disturb(): Promise<void> {
  for (let turn = 0; running; turn++) {
    await pause(DISTURB_MS);
    if (!running) return;
    if (turn % 4 === 1) {
      await failOver();
      continue;
    }
    if (turn % 4 === 3) {
      const [master] = await masterAndReplica();
      master!.signal("SIGSTOP");
      await pause(300);
      master!.signal("SIGCONT");
      continue;
    }
    const server = cluster.server("a");
    await cluster.seen(
      async () => {
        if (turn % 4 === 0) await server[Symbol.asyncDispose]();
        else await server.kill();
      },
      "a",
      "DOWN",
    );
    await cluster.seen(() => cluster.serve("a"), "a", "UP");
  }
}

/** What server b holds: resident bytes, and open handles. */
async function held(): Promise<{ rss: number; handles: number }> {
  const { pid } = cluster.server("b");
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  let handles = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) handles++;
  return { rss: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024, handles };
}

const filling = fillAndFree(() => running);
const work = [
  ...Array.from({ length: 4 }, () => load("stateful")),
  ...Array.from({ length: 2 }, () => load("stateless")),
  probe(),
  disturb(),
];
// The first sixth is for warming up: of 30 minutes the first five.
await pause(totalMs / 6);
const before = await held();
await pause(totalMs * 5 / 6);
running = false;
await Promise.all(work);
const fills = await filling;
await pause(2000); // connections end
const mostMemory = before.rss * 1.3 + 48 * 2 ** 20;
const cleanedUp = performance.now() + CLEANED_UP_MS;
while ((await held()).rss >= mostMemory && performance.now() < cleanedUp) await pause(1000);
const after = await held();

const stored = new Set(await listStored(cluster.storage));
const lost = confirmed.filter((path) => !stored.has(path));
const errorRate = count.failed / Math.max(1, count.sent + count.failed);
const availability = 1 - count.missed / Math.max(1, count.probes);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const verdicts: [text: string, good: boolean][] = [
  [
    `${count.sent} files sent, ${count.failed} failed (${(100 * errorRate).toFixed(3)} %)`,
    errorRate < 0.01,
  ],
  [
    `${count.probes} probes, ${count.missed} missed: ${
      (100 * availability).toFixed(3)
    } % available, the longest took ${(count.longestProbeMs / 1000).toFixed(1)} s`,
    availability >= 0.999,
  ],
  [`${confirmed.length} confirmed, ${lost.length} of them not stored`, lost.length === 0],
  [
    `memory ${mib(before.rss)}, at the end ${mib(after.rss)}`,
    after.rss < mostMemory,
  ],
  [
    `${count.failovers} times a replica of Redis has taken over`,
    count.failovers > 0 || totalMs < 3 * DISTURB_MS,
  ],
  [
    `${fills.fills} times ${fills.kind} was full and freed, with ${fills.stored} files: ` +
    (fills.faults.join(", ") || "no faults"),
    fills.fills > 0 && fills.faults.length === 0,
  ],
  [`handles ${before.handles}, at the end ${after.handles}`, after.handles <= before.handles + 8],
];
for (const [text, good] of verdicts) console.log(`${good ? "ok  " : "FAIL"} ${text}`);
for (const [reason, times] of reasons) console.log(`     ${times} x ${reason}`);
Deno.exitCode = verdicts.every(([, good]) => good) ? 0 : 1;
