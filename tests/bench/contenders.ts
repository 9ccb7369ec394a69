/** Who is measured: the same server, set up differently, and the frames sent to it. @module */
import type { Wire } from "../../src/bench/mod.ts";

/** One set-up. */
export interface Contender {
  readonly name: string;
  readonly wire: Wire;
  /** Settings of the server, besides those that lift its limits. */
  readonly set: Readonly<Record<string, string | number>>;
  /** The scenarios in which it differs from the others. */
  readonly scenarios: readonly string[];
  /** The module that is run instead of fxfer. */
  readonly instead?: string;
  /** Takes away what an earlier server left outside its storage. */
  readonly reset?: () => Promise<unknown>;
}

const ANY_SERVER = ["A", "B", "C", "D1", "D50", "P"];

/** The part of a Redis server that is needed here. */
export interface Redis {
  readonly url: string;
  command(...args: string[]): Promise<unknown>;
}

/** All of them; redis takes part where there is one. */
export function contenders(redis: Redis | undefined): Contender[] {
  const session = (persistence: string, scenarios: readonly string[], set = {}): Contender => ({
    name: persistence === "memory" ? "stateful" : persistence,
    wire: "stateful",
    set: { "stateful.persistence": persistence, ...set },
    scenarios,
  });
  const stored = ["B", "C", "P", "sessions"];
  return [
    {
      name: "stateless",
      wire: "stateless",
      set: {},
      scenarios: [...ANY_SERVER, "stream", "idle1k", "idle5k", "start"],
    },
    session("memory", [...ANY_SERVER, "stream", "sessions"]),
    session("sqlite", stored),
    ...(redis === undefined ? [] : [{
      ...session("redis", stored, { "stateful.redis_url": redis.url }),
      // Its sessions outlive the servers, and would count towards the limits of the next.
      reset: () => redis.command("FLUSHALL"),
    }]),
    {
      name: "durable",
      wire: "stateless",
      set: { "storage.durability": "durable" },
      scenarios: ["B", "C", "P"],
    },
    {
      name: "v1",
      wire: "v1",
      // Answered file by file, or there would be nothing to wait for.
      set: { "versions.v1_ack": "each" },
      scenarios: ANY_SERVER,
    },
    {
      name: "bare",
      wire: "stateless",
      set: {},
      instead: import.meta.resolve("./bare_server.ts"),
      scenarios: [...ANY_SERVER, "start"],
    },
  ];
}
