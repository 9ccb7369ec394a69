/** What a session costs: bytes, processor time, memory, waiting. @module */
import { runLoad, type Wire } from "../../bench/mod.ts";
import { formatBytes } from "../../text.ts";
import type { Bench, Experiment, Findings, Measurement, ServerPlan } from "../types.ts";

const KIB = 1024;

/** A way to serve, and the store behind it. */
interface Way {
  readonly name: string;
  readonly wire: Wire;
  readonly store: NonNullable<ServerPlan["store"]>;
}

const WAYS: readonly Way[] = [
  { name: "stateless", wire: "stateless", store: "memory" },
  { name: "stateful, memory", wire: "stateful", store: "memory" },
  { name: "stateful, sqlite", wire: "stateful", store: "sqlite" },
  { name: "stateful, redis", wire: "stateful", store: "redis" },
];

export const COST: Experiment = {
  name: "cost",
  title: "What does a session cost?",
  question: "The same files, one after the other on one connection: what is added by remembering?",
  method: "One client sends files of one size and waits for each reply. Bytes are counted at the " +
    "client; processor time and memory are those of the server's process, by the operating system. " +
    "Memory per session: the growth of that process while clients come, open a session and leave it.",
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const sizes = [KIB, 64 * KIB, 1024 * KIB];
  const ways = WAYS.filter(({ store }) => store !== "redis" || bench.hasRedis);
  const measurements: Measurement[] = [];
  for (const { name, wire, store } of ways) {
    await using server = await bench.start({ store, set: { "stateful.max_sessions": 100_000 } });
    for (const size of sizes) {
      bench.note(`${name}, files of ${formatBytes(size)}`);
      const full = size === KIB ? 2000 : size === 64 * KIB ? 500 : 60;
      const requests = bench.quick ? full / 4 : full;
      const load = { hostname: "127.0.0.1", port: server.port, wire, connections: 1, size };
      await runLoad({ ...load, requests: requests / 4 }); // so that every part is warm
      const before = await server.cpuMs();
      const result = await runLoad({ ...load, requests });
      const after = await server.cpuMs();
      const wireBytes = result.sentBytes + result.receivedBytes - result.payloadBytes;
      measurements.push({
        ...{ way: name, file_bytes: size, files: result.done },
        own_bytes_per_file: wireBytes / result.done,
        server_cpu_us_per_file: before === undefined || after === undefined
          ? null
          : (after - before) * 1000 / result.done,
        ...{
          p50_ms: result.p50Ms,
          p99_ms: result.p99Ms,
          files_per_s: result.done / result.seconds,
        },
        memory_bytes_per_session: null,
      });
    }
    if (wire === "stateful" && (store === "memory" || !bench.quick)) {
      bench.note(`${name}, memory`);
      measurements.push({
        ...{ way: name, file_bytes: null, files: null, own_bytes_per_file: null },
        ...{ server_cpu_us_per_file: null, p50_ms: null, p99_ms: null, files_per_s: null },
        memory_bytes_per_session: await memoryPerSession(bench, server),
      });
    }
  }
  return findings(sizes, ways.map(({ name }) => name), measurements);
}

/** Opens sessions that stay, each with one small file, and looks at what the server has grown by. */
async function memoryPerSession(
  bench: Bench,
  server: Awaited<ReturnType<Bench["start"]>>,
): Promise<number | null> {
  const sessions = bench.quick ? 1000 : 4000;
  await openSessions(server.port, 200);
  const before = await server.memory();
  await openSessions(server.port, sessions);
  const after = await server.memory();
  if (before === undefined || after === undefined) return null;
  return Math.max(0, (after - before) / sessions);
}

/** Connects, asks for a session and goes away, so often. */
async function openSessions(port: number, count: number): Promise<void> {
  const header = '{"version":"2.0","mime_type":"a/b","size":0,"session":{"id":null,' +
    '"mode":"stateful","sequence":0,"action":"connect"}}\n';
  const bytes = new TextEncoder().encode(header);
  const buffer = new Uint8Array(4096);
  for (let at = 0; at < count; at++) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(bytes);
    await conn.read(buffer);
  }
}

function findings(
  sizes: readonly number[],
  ways: readonly string[],
  measurements: readonly Measurement[],
): Findings {
  const value = (way: string, size: number | null, name: string) =>
    (measurements.find((row) => row.way === way && row.file_bytes === size)?.[name] ?? null) as
      | number
      | null;
  const categories = sizes.map((size) => formatBytes(size));
  const series = (name: string) =>
    ways.map((way) => ({ name: way, values: sizes.map((size) => value(way, size, name)) }));
  const [plain, stateful] = ["stateless", "stateful, memory"].map((way) => ({
    bytes: value(way, KIB, "own_bytes_per_file")!,
    cpu: value(way, KIB, "server_cpu_us_per_file"),
    p50: value(way, KIB, "p50_ms")!,
  }));
  const memory = value("stateful, memory", null, "memory_bytes_per_session");
  const cpu = plain!.cpu === null || stateful!.cpu === null ? undefined : {
    plain: Math.round(plain!.cpu),
    stateful: Math.round(stateful!.cpu),
  };
  const advice = cpu === undefined ? [] : [
    "Small files that may be sent again whole need no session. By processor time " +
    `${
      cpu.plain <= cpu.stateful ? "stateless" : "a session"
    } is cheaper here: a file of 1 KiB takes ` +
    `${cpu.plain} µs without a session, and ${cpu.stateful} µs in one.`,
  ];
  return {
    plots: [
      {
        ...{ title: "Bytes on the wire besides the file", kind: "bar", x: "size of the file" },
        ...{ categories, y: { name: "bytes per file" }, series: series("own_bytes_per_file") },
      },
      {
        ...{
          title: "Processor time of the server",
          kind: "bar",
          x: "size of the file",
          categories,
        },
        y: { name: "µs per file", scale: "log" },
        series: series("server_cpu_us_per_file"),
        missing: "the system does not say how much processor time a process has used",
      },
      {
        ...{ title: "Time from a file's first byte to its reply", kind: "bar" },
        ...{ x: "size of the file", categories, y: { name: "ms, median", scale: "log" } },
        series: series("p50_ms"),
      },
    ],
    conclusions: [
      `In a session each file costs ${Math.round(stateful!.bytes)} bytes of its own on the wire, ` +
      `without one ${Math.round(plain!.bytes)}: next to a file of 1 MiB both are nothing.`,
      ...(cpu === undefined ? [] : [
        `A file of 1 KiB takes the server ${cpu.plain} µs of processor time, and ${cpu.stateful} µs ` +
        "when its number and its reply are remembered in memory.",
      ]),
      ...(memory === null ? [] : [
        `A session that waits for its client takes about ${
          formatBytes(Math.round(memory))
        } of memory.`,
      ]),
    ],
    measurements,
    advice,
  };
}
