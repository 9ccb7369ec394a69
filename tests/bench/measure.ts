/** One measurement: a fresh server, a warm-up, a scenario. @module */
import {
  type LoadResult,
  type Row,
  rowOf,
  runLoad,
  type Scenario,
  SCENARIOS,
} from "../../src/bench/mod.ts";
import type { Contender } from "./contenders.ts";
import { BenchServer } from "./server.ts";
import { SPECIAL } from "./special.ts";

/** How a run is sized, and where its servers store. */
export interface Scale {
  /** Files of a scenario; 5,000 is its full size. */
  readonly files: number;
  readonly dir: string;
}

/** Requests before the first that counts: code is compiled, buffers are there. */
const WARM_UP = 400;

/** A scenario that is a load. */
export interface LoadMeasurement {
  readonly row: Row;
  readonly result: LoadResult;
}

/** The names of all scenarios, in order. */
export const SCENARIO_NAMES: readonly string[] = [
  ...SCENARIOS.map(({ name }) => name),
  ...SPECIAL.map(({ name }) => name),
];

/** Measures one contender in one scenario. */
export async function measure(name: string, contender: Contender, scale: Scale): Promise<Row> {
  const load = SCENARIOS.find((scenario) => scenario.name === name);
  if (load !== undefined) return (await measureLoad(load, contender, scale)).row;
  await using server = await BenchServer.start(scale.dir, contender);
  const special = SPECIAL.find((scenario) => scenario.name === name)!;
  const row = await special.run(server, contender, scale.files);
  return { ...row, scenario: name, contender: contender.name, ...await peak(server) };
}

/** Measures a load with the server's processor time and memory. */
export async function measureLoad(
  scenario: Scenario,
  contender: Contender,
  { dir, files }: Scale,
): Promise<LoadMeasurement> {
  const { name, wire } = contender;
  await using server = await BenchServer.start(dir, contender);
  const { hostname, port } = server;
  const target = { hostname, port, wire };
  await runLoad({ ...target, connections: 4, requests: WARM_UP / 4, size: 1024 });
  const before = await server.cpuUs();
  const result = await runLoad({ ...target, ...scenario.shape(wire, files) });
  const cpuUs = await server.cpuUs() - before;
  const units = scenario.unit === "MB/s" ? result.payloadBytes / 2 ** 20 : result.done;
  const row = { ...rowOf(scenario, name, result), cpuUs: cpuUs / units, ...await peak(server) };
  for (const [code, times] of Object.entries(result.errors)) {
    warn(`${scenario.name} ${name}: ${times} x ${code}`);
  }
  return { row, result };
}

async function peak(server: BenchServer): Promise<{ peakMiB: number }> {
  return { peakMiB: await server.memoryKiB("VmHWM") / 1024 };
}

function warn(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** The middle value of each column over several rounds; errors are added up. */
export function medianRow(rows: readonly Row[]): Row {
  const first = rows[0]!;
  const middle = (key: "value" | "p50Ms" | "p99Ms" | "cpuUs" | "peakMiB") => {
    const value = median(rows.map((row) => row[key]).filter((found) => found !== undefined));
    return Number.isNaN(value) ? {} : { [key]: value };
  };
  return {
    ...first,
    ...middle("value"),
    ...middle("p50Ms"),
    ...middle("p99Ms"),
    ...middle("cpuUs"),
    ...middle("peakMiB"),
    errors: rows.reduce((sum, { errors }) => sum + errors, 0),
  };
}

/** The middle one; the mean of the two in the middle of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
