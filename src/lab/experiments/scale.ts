/** What happens as more clients come, and more servers. @module */
import { runLoad } from "../../bench/mod.ts";
import { connect } from "../../client/mod.ts";
import { Road } from "../road.ts";
import { randomBytes } from "../random.ts";
import type { Bench, Experiment, Findings, Measurement, ServerPlan, Subject } from "../types.ts";

const SIZE = 16 * 1024;

/** A way to serve, on so many servers. */
interface Way {
  readonly name: string;
  readonly wire: "stateless" | "stateful";
  readonly store: NonNullable<ServerPlan["store"]>;
  readonly servers: 1 | 2;
}

const WAYS: readonly Way[] = [
  { name: "stateless", wire: "stateless", store: "memory", servers: 1 },
  { name: "stateless, 2 servers", wire: "stateless", store: "memory", servers: 2 },
  { name: "stateful, memory", wire: "stateful", store: "memory", servers: 1 },
  { name: "stateful, sqlite", wire: "stateful", store: "sqlite", servers: 1 },
  { name: "stateful, redis", wire: "stateful", store: "redis", servers: 1 },
  { name: "stateful, redis, 2 servers", wire: "stateful", store: "redis", servers: 2 },
];

/** How clients find a server when there are two of them. */
const BALANCED = [
  "stateless, round robin",
  "stateful, memory, sticky",
  "stateful, redis, round robin",
] as const;
type Balanced = typeof BALANCED[number];

export const SCALE: Experiment = {
  name: "scale",
  title: "What happens when more clients come?",
  question:
    "Files a second and waiting times, from 1 client to 200; with one server or two; and when " +
    "one of two servers dies.",
  method:
    "Each client has a connection, and waits for the reply to a file of 16 KiB before it sends " +
    "the next. Two servers share a folder, and a road deals connections to them in turn (round robin), " +
    "or always leads a client to the same one (sticky). All of it runs on this one machine: where its " +
    "processors are busy, two servers are no faster than one.",
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const clients = bench.quick ? [1, 10, 100] : [1, 5, 20, 50, 100, 200];
  const ways = WAYS.filter(({ store }) => store !== "redis" || bench.hasRedis);
  const measurements: Measurement[] = [];
  for (const { name, wire, store, servers } of ways) {
    await using pair = await Pair.start(bench, store, servers);
    await using road = new Road({ to: pair.next });
    const port = servers === 1 ? pair.next() : road.port;
    // So that the first point is not that of a server which is still learning what it does.
    const warm = { hostname: "127.0.0.1", port, wire, size: SIZE };
    await runLoad({ ...warm, connections: 10, requests: bench.quick ? 40 : 100 });
    for (const connections of clients) {
      bench.note(`${name}, ${connections} clients`);
      const files = bench.quick ? 400 : 3000;
      const requests = Math.max(4, Math.round(files / connections));
      const load = { hostname: "127.0.0.1", port, wire, connections, size: SIZE, requests };
      const result = await runLoad(load);
      measurements.push({
        ...{ part: "load", way: name, clients: connections, files: result.done },
        files_per_s: result.done / result.seconds,
        ...{
          p50_ms: result.p50Ms,
          p99_ms: result.p99Ms,
          failed: null,
          doubled: null,
          seconds: null,
        },
      });
    }
  }
  for (const way of BALANCED) {
    if (way.includes("redis") && !bench.hasRedis) continue;
    bench.note(`${way}, a server dies`);
    measurements.push(await oneDies(bench, way));
  }
  return findings(clients, ways.map(({ name }) => name), measurements);
}

/** One server, or two that share a folder. */
class Pair implements AsyncDisposable {
  readonly #servers: readonly Subject[];
  readonly #alive: Set<Subject>;
  #turn = 0;

  private constructor(servers: readonly Subject[]) {
    this.#servers = servers;
    this.#alive = new Set(servers);
  }

  static async start(bench: Bench, store: Way["store"], count: 1 | 2): Promise<Pair> {
    const set = { "stateful.max_sessions": 10_000 };
    const first = await bench.start({ store, set });
    if (count === 1) return new Pair([first]);
    return new Pair([first, await bench.start({ store, set, folder: first.folder })]);
  }

  /** The port of the server whose turn it is. */
  readonly next = (): number => this.at(this.#turn++);

  /** The port of the server for a client, or of the other one if that is dead. */
  at(client: number): number {
    const own = this.#servers[client % this.#servers.length]!;
    return (this.#alive.has(own) ? own : [...this.#alive][0]!).port;
  }

  async killOne(): Promise<void> {
    const [victim] = this.#servers;
    this.#alive.delete(victim!);
    await victim!.kill();
  }

  storedNames(): Promise<string[]> {
    return this.#servers[0]!.storedNames();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }
}

/** Clients send files through two servers, one of which is killed in the middle. */
async function oneDies(bench: Bench, way: Balanced): Promise<Measurement> {
  const [clients, files] = bench.quick ? [8, 25] : [20, 60];
  const stateful = way.startsWith("stateful");
  await using pair = await Pair.start(bench, way.includes("redis") ? "redis" : "memory", 2);
  const bytes = randomBytes(SIZE, bench.seed);
  let stored = 0;
  let failed = 0;
  const begun = performance.now();
  const one = async (client: number): Promise<void> => {
    await using road = new Road({ to: way.includes("sticky") ? () => pair.at(client) : pair.next });
    const mode = stateful ? "stateful" : "stateless";
    const backoff = { initialMs: 10, maxMs: 100 };
    await using user = await connect({ port: road.port, mode, backoff, retries: 20 });
    for (let at = 0; at < files; at++) {
      await user.send(bytes, { name: `${client} ${at}` }).catch(() => failed++);
      if (++stored === clients * files / 3) await pair.killOne();
    }
    await user.disconnect().catch(() => {});
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => one(client)));
  const names = await pair.storedNames();
  return {
    ...{ part: "one of two servers dies", way, clients, files: clients * files, files_per_s: null },
    ...{ p50_ms: null, p99_ms: null, failed, doubled: names.length - new Set(names).size },
    seconds: (performance.now() - begun) / 1000,
  };
}

function findings(
  clients: readonly number[],
  ways: readonly string[],
  measurements: readonly Measurement[],
): Findings {
  const value = (way: string, count: number, name: string) =>
    measurements.find((row) => row.way === way && row.clients === count && row.part === "load")
      ?.[name] as number ?? null;
  const series = (name: string) =>
    ways.map((way) => ({ name: way, values: clients.map((count) => value(way, count, name)) }));
  const most = clients.at(-1)!;
  const rate = (way: string) => Math.round(value(way, most, "files_per_s"));
  const deaths = measurements.filter(({ part }) => part !== "load");
  const plot = { kind: "line", x: "clients", categories: clients.map(String) } as const;
  return {
    plots: [
      { ...plot, title: "Files a second", y: { name: "files/s" }, series: series("files_per_s") },
      {
        ...{
          ...plot,
          title: "The slowest in a hundred",
          y: { name: "ms, 99th percentile", scale: "log" },
        },
        series: series("p99_ms"),
      },
      {
        ...{ title: "One of two servers dies: time until all files are stored", kind: "bar" },
        x: "how clients are led, and where sessions are kept",
        categories: deaths.map(({ way }) => String(way)),
        y: { name: "seconds" },
        series: [{ name: "seconds", values: deaths.map((row) => row.seconds as number) }],
      },
    ],
    conclusions: [
      `With ${most} clients one server stores ${
        rate("stateless")
      } files a second without sessions, and ` +
      `${rate("stateful, memory")} with sessions in memory.`,
      "Without sessions any server can take any request. With sessions in memory a client has to come " +
      "back to its own server; when that one dies, its sessions are gone, and the client begins anew. In " +
      "Redis every server finds every session.",
      ...deaths.map(({ way, files, failed, doubled, seconds }) =>
        `${way}: of ${files} files ${failed} failed and ${doubled} were stored twice when a server died ` +
        `(${Number(seconds).toFixed(1)} s in all).`
      ),
    ],
    measurements,
    advice: [
      "More than one server: stateless, or sessions in Redis. Sessions in memory tie each client to one " +
      "server.",
    ],
  };
}
