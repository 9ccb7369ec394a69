/** What a session saves when connections break. @module */
import { FaultProxy } from "../../chaos/mod.ts";
import { connect } from "../../client/mod.ts";
import { formatBytes } from "../../text.ts";
import { sendPlainly } from "../plain.ts";
import { randomBytes, randomFrom } from "../random.ts";
import type { Bench, Experiment, Findings, Measurement, Subject } from "../types.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Without a session a file that never gets through would be tried for ever. */
const MOST_TRIES = 12;

const WAYS = ["stateless", "stateless, upload ids", "stateful"] as const;
type Way = typeof WAYS[number];

export const FAILURE: Experiment = {
  name: "failure",
  title: "What does a session save when the network breaks?",
  question:
    "The same file over connections that break again and again: how long does it take, and " +
    "how much is sent for nothing?",
  method: "A proxy between client and server resets each connection after so many bytes of the " +
    "file's way, or loses it while a reply comes back. Without a session the client sends the file " +
    `again from its start, ${MOST_TRIES} times at most; with one it goes on where the server has it. ` +
    "Bytes are counted at the proxy, files on the server's disk.",
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const size = bench.quick ? 2 * MIB : 8 * MIB;
  const steps = bench.quick
    ? [64 * KIB, 512 * KIB, 4 * MIB]
    : [64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB];
  const measurements: Measurement[] = [];
  await using server = await bench.start();
  const bytes = randomBytes(size, bench.seed);
  for (const way of WAYS) {
    for (const step of [...steps, Infinity]) {
      bench.note(`${way}, a break every ${step === Infinity ? "time: never" : formatBytes(step)}`);
      measurements.push(await breaking(server, way, bytes, step));
    }
  }
  const losses = bench.quick ? [0, 0.3, 0.6] : [0, 0.1, 0.3, 0.5, 0.7];
  for (const way of WAYS) {
    for (const loss of losses) {
      bench.note(`${way}, ${Math.round(loss * 100)} % of the replies are lost`);
      measurements.push(await losing(bench, server, way, loss));
    }
  }
  return findings(size, steps, losses, measurements);
}

/** Sends one file, each connection of which breaks after `step` bytes. */
async function breaking(
  server: Subject,
  way: Way,
  bytes: Uint8Array,
  step: number,
): Promise<Measurement> {
  let sent = 0;
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: server.port },
    plan: () => ({ up: { faults: step === Infinity ? [] : [{ after: step, kind: "reset" }] } }),
    onBytes: (_, direction, piece) => {
      if (direction === "up") sent += piece.length;
    },
  });
  const name = `${way} ${step}`;
  const begun = performance.now();
  const arrived = await send(proxy.port, way, name, bytes, 4 * bytes.length / step);
  const seconds = (performance.now() - begun) / 1000;
  const copies = (await server.storedNames()).filter((stored) => stored === name).length;
  return {
    ...{
      part: "breaks",
      way,
      break_every_bytes: step === Infinity ? null : step,
      reply_loss: null,
    },
    ...{ file_bytes: bytes.length, files: 1, arrived: arrived ? 1 : 0, copies_stored: copies },
    ...{ seconds: arrived ? seconds : null, sent_bytes: sent },
    sent_again_bytes: arrived ? Math.max(0, sent - bytes.length) : null,
  };
}

/** Sends one file by one of the ways; whether it arrived. */
async function send(
  port: number,
  way: Way,
  name: string,
  bytes: Uint8Array,
  breaks: number,
): Promise<boolean> {
  if (way !== "stateful") {
    const uploadId = way === "stateless" ? {} : { uploadId: crypto.randomUUID() };
    return await sendPlainly({ port, name, bytes, tries: MOST_TRIES, ...uploadId }) !== undefined;
  }
  const retries = MOST_TRIES + Math.ceil(breaks === Infinity ? 0 : breaks);
  const backoff = { initialMs: 1, maxMs: 5 };
  await using client = await connect({ port, mode: "stateful", retries, backoff });
  await client.send(bytes, { name });
  return true;
}

/** Sends many small files while connections are lost as replies come back. */
async function losing(bench: Bench, server: Subject, way: Way, loss: number): Promise<Measurement> {
  const files = bench.quick ? 30 : 100;
  const random = randomFrom(bench.seed + Math.round(loss * 1000));
  // In a session the reply to connect comes first; that one is let through.
  const after = way === "stateful" ? 1000 : 1;
  let sent = 0;
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: server.port },
    plan: () => random() < loss ? { down: { faults: [{ after, kind: "reset" }] } } : {},
    onBytes: (_, direction, piece) => {
      if (direction === "up") sent += piece.length;
    },
  });
  const bytes = randomBytes(16 * KIB, bench.seed);
  const prefix = `${way} loss ${loss} `;
  const begun = performance.now();
  let arrived = 0;
  for (let at = 0; at < files; at++) {
    // A connection for each file, in a session as well: so every file meets the same loss.
    if (await send(proxy.port, way, prefix + at, bytes, 50)) arrived++;
  }
  const names = (await server.storedNames()).filter((name) => name.startsWith(prefix));
  return {
    ...{ part: "lost replies", way, break_every_bytes: null, reply_loss: loss },
    ...{ file_bytes: bytes.length, files, arrived, copies_stored: names.length },
    ...{ seconds: (performance.now() - begun) / 1000, sent_bytes: sent },
    sent_again_bytes: Math.max(0, sent - arrived * bytes.length),
  };
}

function findings(
  size: number,
  steps: readonly number[],
  losses: readonly number[],
  measurements: readonly Measurement[],
): Findings {
  const found = (way: Way, name: string, key: string, at: number | null) =>
    measurements.find((row) =>
      row.way === way && row[key] === at &&
      row.part === (key === "reply_loss" ? "lost replies" : "breaks")
    )?.[name] as number | null ?? null;
  const marks = [...steps, null];
  const breaks = marks.map((step) => step === null ? "never" : formatBytes(step));
  const byBreaks = (name: string) =>
    WAYS.map((way) => ({
      name: way,
      values: marks.map((step) => found(way, name, "break_every_bytes", step)),
    }));
  const most = losses.at(-1)!;
  const doubled = found("stateless", "copies_stored", "reply_loss", most)! -
    found("stateless", "arrived", "reply_loss", most)!;
  const small = steps[0]!;
  const again = found("stateful", "sent_again_bytes", "break_every_bytes", small) ?? 0;
  const seconds = found("stateful", "seconds", "break_every_bytes", small) ?? 0;
  return {
    plots: [
      {
        ...{ title: `Time for a file of ${formatBytes(size)}`, kind: "line", categories: breaks },
        ...{ x: "the connection breaks every", y: { name: "seconds", scale: "log" } },
        series: byBreaks("seconds"),
        missing: `it never ends: given up after ${MOST_TRIES} tries, none of which reached the end`,
      },
      {
        ...{ title: "Bytes that were sent for nothing", kind: "bar", categories: breaks },
        ...{ x: "the connection breaks every", y: { name: "bytes", scale: "log" } },
        series: byBreaks("sent_again_bytes"),
        missing: "the file never arrived",
      },
      {
        ...{ title: "Copies stored of one file, when replies are lost", kind: "line" },
        x: "share of connections that are lost with a reply",
        categories: losses.map((loss) => `${Math.round(loss * 100)} %`),
        y: { name: "copies per file" },
        series: WAYS.map((way) => ({
          name: way,
          values: losses.map((loss) =>
            found(way, "copies_stored", "reply_loss", loss)! /
            found(way, "files", "reply_loss", loss)!
          ),
        })),
      },
    ],
    conclusions: [
      `When every connection breaks after ${formatBytes(small)}, a file of ${
        formatBytes(size)
      } never ` +
      `arrives without a session, however often it is sent. In a session it took ` +
      `${seconds.toFixed(1)} s, and ${
        formatBytes(Math.round(again))
      } were sent besides the file, most ` +
      "of them frames' own bytes.",
      doubled > 0
        ? `A lost reply makes a client send again what the server has: without ids ${doubled} files ` +
          `too many were stored at ${
            Math.round(most * 100)
          } % loss. An upload id or a session keeps ` +
          "each of them single."
        : "No reply was lost where it would have doubled a file: run again without --quick.",
    ],
    measurements,
    advice: [
      `Files larger than what a connection carries before it breaks: only a session gets them through.`,
      "Files that must not be stored twice: a session, or an upload id with each request.",
    ],
  };
}
