/** How often a file arrives that was sent once: never, once, or twice. @module */
import { FaultProxy } from "../../chaos/mod.ts";
import { connect } from "../../client/mod.ts";
import { sendPlainly } from "../plain.ts";
import { randomBytes, randomFrom } from "../random.ts";
import type { Bench, Experiment, Findings, Measurement } from "../types.ts";

const WAYS = [
  "stateless, sent once",
  "stateless, sent until answered",
  "stateless, upload ids",
  "stateful",
] as const;
type Way = typeof WAYS[number];

/** This share of connections loses the request, and the same share the reply. */
const LOSS = 0.25;

export const EXACTLY_ONCE: Experiment = {
  name: "exactly-once",
  title: "At most once, at least once, exactly once",
  question: "A request can be lost, and so can its reply. How often does each file arrive?",
  method:
    `Each file has a connection of its own. A quarter of the connections is cut in the middle of ` +
    "the request, another quarter before the reply is through. The files on the server's disk are " +
    "counted by their names.",
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const files = bench.quick ? 60 : 300;
  const size = 8192;
  await using server = await bench.start();
  const measurements: Measurement[] = [];
  for (const way of WAYS) {
    bench.note(way);
    const random = randomFrom(bench.seed);
    await using proxy = await FaultProxy.listen({
      target: { hostname: "127.0.0.1", port: server.port },
      plan: () => {
        const luck = random();
        if (luck < LOSS) return { up: { faults: [{ after: size / 2, kind: "reset" }] } };
        const after = way === "stateful" ? 1000 : 1; // after the reply to connect
        return luck < 2 * LOSS ? { down: { faults: [{ after, kind: "reset" }] } } : {};
      },
    });
    const bytes = randomBytes(size, bench.seed);
    for (let at = 0; at < files; at++) await send(proxy.port, way, `${way} ${at}`, bytes);
    const times = new Map<string, number>();
    for (const name of await server.storedNames()) times.set(name, (times.get(name) ?? 0) + 1);
    const counts = [0, 0, 0];
    for (let at = 0; at < files; at++) counts[Math.min(2, times.get(`${way} ${at}`) ?? 0)]!++;
    measurements.push({ way, files, never: counts[0]!, once: counts[1]!, more_often: counts[2]! });
  }
  return findings(measurements);
}

async function send(port: number, way: Way, name: string, bytes: Uint8Array): Promise<void> {
  if (way === "stateful") {
    const backoff = { initialMs: 1, maxMs: 5 };
    await using client = await connect({ port, mode: "stateful", retries: 30, backoff });
    await client.send(bytes, { name });
    return;
  }
  const tries = way === "stateless, sent once" ? 1 : 50;
  const uploadId = way === "stateless, upload ids" ? { uploadId: crypto.randomUUID() } : {};
  await sendPlainly({ port, name, bytes, tries, ...uploadId });
}

function findings(measurements: readonly Measurement[]): Findings {
  const row = (way: Way) => measurements.find((row) => row.way === way)!;
  const share = (way: Way, name: string) => {
    const { [name]: count, files } = row(way);
    return `${Math.round(100 * Number(count) / Number(files))} %`;
  };
  const series = (name: string, key: string) => ({
    name,
    values: WAYS.map((way) => row(way)[key] as number),
  });
  return {
    plots: [{
      ...{ title: "How often each file arrived", kind: "stack", x: "how it was sent" },
      categories: ["once", "until answered", "upload ids", "stateful"],
      y: { name: "files" },
      series: [
        series("once", "once"),
        series("never", "never"),
        series("twice or more", "more_often"),
      ],
    }],
    conclusions: [
      `Sent once and never again, ${
        share("stateless, sent once", "never")
      } of the files were lost: ` +
      "at most once.",
      `Sent until a reply came, none is lost and ` +
      `${
        share("stateless, sent until answered", "more_often")
      } are stored more than once: at least once.`,
      "Exactly once takes memory on the server: of upload ids that it has stored, or of the numbers of a " +
      "session. Both stored each file once. An id is remembered for each file; a session remembers the " +
      "last number, and the order as well.",
    ],
    measurements,
    advice: [
      `A network that loses requests and replies: a session or upload ids. Without either, ` +
      `${share("stateless, sent until answered", "more_often")} of the files were doubled here.`,
    ],
  };
}
