/** How long a client waits when something dies. @module */
import { connect } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import { Road } from "../road.ts";
import { randomBytes } from "../random.ts";
import type { Bench, Experiment, Findings, Measurement, Subject } from "../types.ts";

const MIB = 1024 * 1024;

/** How long the file takes by itself: the server makes sure of what it has once a second. */
const SECONDS = 3;

/** What goes wrong, and what has to go on after it. */
interface Accident {
  readonly name: string;
  readonly store: "memory" | "sqlite" | "redis";
  /** Lets it happen; returns the port of the server that serves from then on. */
  happen(bench: Bench, server: Subject): Promise<Subject>;
}

const ACCIDENTS: readonly Accident[] = [
  {
    name: "killed and started, memory",
    store: "memory",
    happen: (bench, server) => restart(bench, server, "memory"),
  },
  {
    name: "killed and started, sqlite",
    store: "sqlite",
    happen: (bench, server) => restart(bench, server, "sqlite"),
  },
  {
    name: "killed, another takes over, redis",
    store: "redis",
    happen: (bench, server) => restart(bench, server, "redis"),
  },
  {
    name: "redis fails over",
    store: "redis",
    happen: async (bench, server) => {
      await bench.failOver();
      return server;
    },
  },
  {
    name: "frozen, another takes over, redis",
    store: "redis",
    happen: async (bench, server) => {
      const other = await bench.start({ ...plan("redis"), folder: server.folder });
      server.freeze();
      return other;
    },
  },
];

export const RECOVERY: Experiment = {
  name: "recovery",
  title: "How long is the gap?",
  question:
    "A server dies, stands still, or loses its store in the middle of a file. When does the " +
    "file go on, and from where?",
  method:
    "One client sends one file, slowly enough that it takes three seconds. In its middle the " +
    "accident happens; a road leads the client to the server that is alive then. The gap is the longest " +
    "time in which no byte of the file was sent. Keep-alive is 2 s: a frozen server is not told from a " +
    "slow one before that.",
  run,
};

const plan = (store: Accident["store"]) => ({ store, set: { "stateful.keepalive": "2s" } });

async function restart(bench: Bench, server: Subject, store: Accident["store"]): Promise<Subject> {
  await server.kill();
  return await bench.start({ ...plan(store), folder: server.folder });
}

async function run(bench: Bench): Promise<Findings> {
  const here = ACCIDENTS.filter(({ store }) => store !== "redis" || bench.hasRedis);
  bench.note(here.map(({ name }) => name).join("; "));
  // They wait most of the time. Those that share a Redis come one after the other.
  const apart = here.filter(({ store }) => store !== "redis").map((one) => suffer(bench, one));
  const measurements = await Promise.all(apart);
  for (const one of here) if (one.store === "redis") measurements.push(await suffer(bench, one));
  const row = (name: string) => measurements.find(({ accident }) => accident === name);
  const again = row("killed and started, memory")?.sent_again_bytes as number;
  const kept = row("killed and started, sqlite")?.sent_again_bytes as number;
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  const categories = measurements.map(({ accident }) => String(accident));
  return {
    plots: [
      {
        ...{
          title: "The gap",
          kind: "bar",
          x: "what happened",
          categories,
          y: { name: "seconds" },
        },
        series: [{
          name: "nothing was sent",
          values: measurements.map((row) => row.gap_s as number),
        }],
      },
      {
        ...{ title: "Bytes sent again", kind: "bar", x: "what happened", categories },
        y: { name: "MiB" },
        series: [{
          name: "sent again",
          values: measurements.map((row) => row.sent_again_bytes as number / MIB),
        }],
      },
    ],
    conclusions: [
      `When its server dies, the client goes on by itself. With sessions in memory the new server knows ` +
      `nothing of the file, and ${mib(again)} are sent again; with sessions in a SQLite file ${
        mib(kept)
      }.`,
      "The gap is the time until something serves again, and the client's pause between two tries.",
    ],
    measurements,
    advice: [
      `Large files on servers that are restarted now and then: sessions in SQLite or Redis. They saved ` +
      `${mib(Math.max(0, again - kept))} of one file here.`,
    ],
  };
}

async function suffer(bench: Bench, accident: Accident): Promise<Measurement> {
  const size = (bench.quick ? 8 : 24) * MIB;
  await using servers = new AsyncDisposableStack();
  let server = servers.use(await bench.start(plan(accident.store)));
  await using road = new Road({ to: () => server.port });
  const backoff = { initialMs: 50, maxMs: 200 };
  let sent = 0;
  let last = performance.now();
  let gap = 0;
  let again = 0;
  let happening: Promise<void> | undefined;
  await using client = await connect({
    ...{ port: road.port, mode: "stateful", backoff, retries: 60, limitRate: size / SECONDS },
    keepaliveS: 2,
  });
  await client.send(randomBytes(size, bench.seed), {
    name: "large.bin",
    onProgress({ sent: now }) {
      const time = performance.now();
      gap = Math.max(gap, time - last);
      last = time;
      again += Math.max(0, sent - now);
      sent = now;
      if (sent < size / 2 || happening !== undefined) return;
      happening = accident.happen(bench, server).then((next) => {
        if (next !== server) server = servers.use(next);
        road.cut();
      });
    },
  });
  if (happening === undefined) {
    throw new FxferError("internal_error", "The accident did not happen");
  }
  await happening;
  const copies = (await server.storedNames()).length;
  return {
    accident: accident.name,
    gap_s: gap / 1000,
    sent_again_bytes: again,
    copies_stored: copies,
  };
}
