/** What a session costs: processor time, bytes on the wire, memory. @module */
import { renderCells, SCENARIOS } from "../../src/bench/mod.ts";
import type { Contender } from "./contenders.ts";
import { measure, measureLoad, median, type Scale } from "./measure.ts";

const PAYLOAD = 1024;
const NAMES = ["stateless", "stateful", "sqlite", "redis"];

/** One contender's costs, for each request or session. */
interface Cost {
  readonly name: string;
  readonly cpuUs: number;
  readonly p50Us: number;
  readonly pipelinedCpuUs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sessionKiB: number;
}

/** The table, and the exact memory of a session record. */
export async function costLines(
  all: readonly Contender[],
  scale: Scale & { readonly rounds: number },
  status: (text: string) => void,
): Promise<string[]> {
  const costs: Cost[][] = [];
  const measured = all.filter(({ name }) => NAMES.includes(name));
  for (let round = 1; round <= scale.rounds; round++) {
    const found: Cost[] = [];
    for (const contender of measured) {
      status(`round ${round}/${scale.rounds}: ${contender.name}`);
      found.push(await costOf(contender, scale));
    }
    costs.push(found);
  }
  status("");
  const middle = (index: number, key: Exclude<keyof Cost, "name">) =>
    median(costs.map((round) => round[index]![key]));
  const whole = (value: number) => Number.isNaN(value) ? "" : Math.round(value).toString();
  const base = measured.findIndex(({ name }) => name === "stateless");
  const rows = measured.map(({ name }, index) => [
    name,
    whole(middle(index, "cpuUs")),
    base < 0 || base === index ? "" : `+${whole(middle(index, "cpuUs") - middle(base, "cpuUs"))}`,
    whole(middle(index, "pipelinedCpuUs")),
    whole(middle(index, "p50Us")),
    whole(middle(index, "sentBytes")),
    whole(middle(index, "receivedBytes")),
    index === base ? "" : middle(index, "sessionKiB").toFixed(1),
  ]);
  return [
    ...renderCells(
      [
        "a request with 1 KiB",
        "CPU µs",
        "session's",
        "16 in flight",
        "p50 µs",
        "bytes up",
        "down",
        "KiB a session",
      ],
      rows,
      1,
    ),
    "",
    ...await recordLines(),
  ];
}

async function costOf(contender: Contender, scale: Scale): Promise<Cost> {
  const load = async (name: string) => {
    const scenario = SCENARIOS.find((one) => one.name === name)!;
    return await measureLoad(scenario, contender, scale);
  };
  const { row, result } = await load("B");
  const pipelined = await load("P");
  const session = contender.scenarios.includes("sessions")
    ? (await measure("sessions", contender, scale)).value
    : NaN;
  return {
    name: contender.name,
    cpuUs: row.cpuUs ?? NaN,
    pipelinedCpuUs: pipelined.row.cpuUs ?? NaN,
    p50Us: result.p50Ms * 1000,
    sentBytes: result.sentBytes / result.done - PAYLOAD,
    receivedBytes: result.receivedBytes / result.done,
    sessionKiB: session,
  };
}

/** In a process that may collect its garbage when told: what stays is what a record takes. */
async function recordLines(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--v8-flags=--expose-gc", import.meta.resolve("./session_memory.ts")],
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}
