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
}

const ANY_SERVER = ["A", "B", "C", "D1", "D50", "P"];

/** All of them; redis takes part where `redisUrl` is given. */
export function contenders(redisUrl: string | undefined): Contender[] {
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
    ...(redisUrl === undefined
      ? []
      : [session("redis", stored, { "stateful.redis_url": redisUrl })]),
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
  ];
}
