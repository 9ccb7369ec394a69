/** The scenarios that are more than a load: what idles, what stands in the way, what starts. @module */
import { type Row, runLoad } from "../../src/bench/mod.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import type { Contender } from "./contenders.ts";
import type { BenchServer } from "./server.ts";

/** What a special scenario finds out. */
type Finding = Pick<Row, "value" | "unit" | "p50Ms" | "p99Ms" | "errors">;

/** A scenario with a name. */
export interface SpecialScenario {
  readonly name: string;
  readonly title: string;
  /** @param files 5,000 is the full size. */
  run(server: BenchServer, contender: Contender, files: number): Promise<Finding>;
}

const FULL = 5000;

/** In the order of the table. */
export const SPECIAL: readonly SpecialScenario[] = [
  {
    name: "stream",
    title: "1 KiB uploads while another client sends 4 GiB: the p99 counts",
    run: smallBesideLarge,
  },
  {
    name: "idle1k",
    title: "1,000 idle connections: memory of each",
    run: (server) => idle(server, 1000),
  },
  {
    name: "idle5k",
    title: "5,000 idle connections: memory of each",
    run: (server) => idle(server, 5000),
  },
  {
    name: "sessions",
    title: "10,000 detached sessions after 10,000 others: memory of each",
    run: (server, _, files) => sessions(server, files * 2),
  },
  {
    name: "start",
    title: "from the spawn until it listens",
    run: ({ startMs }) => Promise.resolve({ value: startMs, unit: "ms", errors: 0 }),
  },
];

/** Another thread sends the large file: in this one it would stand in its own way. */
async function smallBesideLarge(
  { hostname, port }: BenchServer,
  { wire }: Contender,
  files: number,
): Promise<Finding> {
  const large = { hostname, port, wire, connections: 1 };
  const bytes = Math.round(files / FULL * 512) * 8 * 2 ** 20;
  const shape = wire === "stateful"
    ? { requests: bytes / 2 ** 23, size: 2 ** 23, window: 4, oneFile: true }
    : { requests: 1, size: bytes };
  const worker = new Worker(import.meta.resolve("./stream_worker.ts"), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const begun = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => data === "begun" ? begun.resolve() : resolve(data);
  worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage({ ...large, ...shape });
  const stop = new AbortController();
  const ended = promise.finally(() => stop.abort());
  await Promise.race([begun.promise, ended]);
  const small = await runLoad({
    ...{ hostname, port, wire, signal: stop.signal },
    ...{ connections: 1, requests: 100_000, size: 1024 },
  });
  const errors = await ended + Object.keys(small.errors).length;
  worker.terminate();
  const { done, seconds, p50Ms, p99Ms } = small;
  return { value: done / seconds, unit: "files/s", p50Ms, p99Ms, errors };
}

/** What memory grows by for each of `count` things that `make` makes; `before` were made before. */
async function grown(
  server: BenchServer,
  count: number,
  before: number,
  make: () => Promise<() => void>,
): Promise<Finding> {
  const lanes = 50;
  const open: (() => void)[] = [];
  const makeAll = (count: number) =>
    Promise.all(Array.from({ length: lanes }, async () => {
      for (let i = 0; i < count / lanes; i++) open.push(await make());
    }));
  await makeAll(before);
  const start = await server.memoryKiB("VmRSS");
  await makeAll(count);
  const end = await server.memoryKiB("VmRSS");
  for (const close of open) close();
  return { value: (end - start) / count, unit: "KiB each", errors: 0 };
}

async function idle(server: BenchServer, count: number): Promise<Finding> {
  const { hostname, port } = server;
  return await grown(server, count, 250, async () => {
    const conn = await Deno.connect({ hostname, port });
    return () => conn.close();
  });
}

/** Sessions whose client left without a goodbye. */
async function sessions(server: BenchServer, count: number): Promise<Finding> {
  // As many before: V8's heap grows with the churn and keeps what it has, at no session's price.
  return await grown(server, count, count, async () => {
    using peer = await RawPeer.open(server);
    const { data } = await peer.connect();
    if (data.code !== "session_created") throw new Error(`No session: ${data.code}`);
    return () => {};
  });
}
