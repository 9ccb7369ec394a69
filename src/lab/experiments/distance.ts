/** What the length of the road does, and what a window does against it. @module */
import { runLoad } from "../../bench/mod.ts";
import { Road } from "../road.ts";
import type { Bench, Experiment, Findings, Measurement } from "../types.ts";

const WINDOWS = [1, 4, 16, 64] as const;
const SIZE = 10 * 1024;

export const DISTANCE: Experiment = {
  name: "distance",
  title: "How far away may the server be?",
  question:
    "A reply takes the way there and back. How many files may be unanswered, so that the road " +
    "is full?",
  method:
    "Files of 10 KiB in one session over a road that holds each byte back for half of the round " +
    "trip. The window is how many files the client sends before it waits for a reply.",
  run,
};

async function run(bench: Bench): Promise<Findings> {
  const trips = bench.quick ? [0, 20, 100] : [0, 5, 20, 50, 100];
  const set = { "stateful.max_inflight": Math.max(...WINDOWS) };
  await using server = await bench.start({ set });
  const measurements: Measurement[] = [];
  for (const trip of trips) {
    await using road = new Road({ to: () => server.port, delayMs: trip / 2 });
    for (const window of WINDOWS) {
      bench.note(`${trip} ms there and back, ${window} in flight`);
      // About a second for each point, whatever the distance.
      const most = bench.quick ? 400 : 1500;
      const requests = trip === 0
        ? most
        : Math.min(most, Math.max(window * 2, window * 800 / trip));
      const load = {
        hostname: "127.0.0.1",
        port: road.port,
        wire: "stateful",
        connections: 1,
      } as const;
      const result = await runLoad({ ...load, requests: Math.round(requests), window, size: SIZE });
      measurements.push({
        ...{ round_trip_ms: trip, window, files: result.done, seconds: result.seconds },
        files_per_s: result.done / result.seconds,
      });
    }
  }
  const value = (trip: number, window: number) =>
    measurements.find((row) => row.round_trip_ms === trip && row.window === window)!
      .files_per_s as number;
  const far = trips.at(-1)!;
  const [one, full] = [value(far, 1), value(far, 64)];
  return {
    plots: [{
      ...{ title: "Files a second, by distance", kind: "line", x: "round trip" },
      categories: trips.map((trip) => `${trip} ms`),
      y: { name: "files/s", scale: "log" },
      series: WINDOWS.map((window) => ({
        name: `${window} in flight`,
        values: trips.map((trip) => value(trip, window)),
      })),
    }],
    conclusions: [
      `At ${far} ms a client that waits for each reply sends ${
        one.toFixed(0)
      } files a second, whatever ` +
      `the line can carry: that is one for each round trip. With 64 in flight it sends ${
        full.toFixed(0)
      }.`,
      "Numbers make that safe: replies come in order, and after a break both ends know which files have " +
      "been stored.",
    ],
    measurements,
    advice: [
      `A server far away: many files in flight on one connection (max_inflight), ` +
      `${(full / one).toFixed(0)} times as many files a second here at ${far} ms.`,
    ],
  };
}
