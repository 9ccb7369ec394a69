/** `fxfer bench`: sends a load to a running server and prints what it measured. @module */
import type { Endpoint } from "../address.ts";
import {
  type LoadPlan,
  type LoadResult,
  renderTable,
  type Row,
  rowOf,
  runLoad,
  type Scenario,
  SCENARIOS,
  type Wire,
} from "../bench/mod.ts";
import { CODES } from "../errors.ts";
import { onStop, type Output } from "../terminal/mod.ts";
import { count, shorten, wrap } from "../text.ts";
import type { CommandSpec, ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { mustConnect } from "./local.ts";
import { SUMMARIES } from "./summaries.ts";

const DEFAULT_FILES = 1000;
const DEFAULT_SCENARIOS = "B,C,D1,D50,P";
const DEFAULT_CONNECTIONS = 50;

const MODES = ["stateless", "stateful", "both"] as const;

const SPEC: CommandSpec = {
  name: "bench",
  summary: SUMMARIES.bench,
  operands: { name: "HOST:PORT", min: 1, max: 1 },
  options: {
    mode: { value: "MODE", words: MODES, help: "stateless, stateful or both (default both)" },
    scenarios: {
      value: "LIST",
      help: `Which ones, separated by commas (default ${DEFAULT_SCENARIOS})`,
    },
    files: {
      value: "N",
      help: `Files of each scenario, about (default ${DEFAULT_FILES})`,
    },
    connections: {
      value: "N",
      help: `Connections of scenario C at a time (default ${DEFAULT_CONNECTIONS})`,
    },
    json: { help: "Write one JSON object to standard output" },
  },
  details: [
    "Scenarios: B sends 1 KiB files on one connection and awaits each reply; C 64 KiB files on many " +
    "connections; D1 and D50 open a connection for each 1 KiB file, 1 or 50 at a time (stateful: a " +
    "session for each); P is B with 16 files in flight; A sends one large file.",
    "The server keeps every file, as it keeps those of any client. Its limits of connections and " +
    "sessions hold for this load too; what they refuse is counted under errors.",
    "On one machine the load takes processor time from the server that it measures.",
  ],
};

export const BENCH_COMMAND: Command = { spec: SPEC, run: runBench };

/** What the flags ask for, checked. */
interface BenchArgs {
  readonly server: Endpoint;
  readonly modes: readonly Wire[];
  readonly scenarios: readonly Scenario[];
  readonly files: number;
  readonly connections: number;
}

function readBenchArgs(args: ParsedArgs): BenchArgs {
  const server = args.target();
  const mode = args.word("mode", MODES) ?? "both";
  const scenarios: Scenario[] = [];
  for (const name of (args.text("scenarios") ?? DEFAULT_SCENARIOS).split(",")) {
    const scenario = SCENARIOS.find((one) => one.name === name.trim().toUpperCase());
    if (scenario !== undefined) scenarios.push(scenario);
    else args.reject("--scenarios", `some of ${SCENARIOS.map(({ name }) => name)}`, name);
  }
  const number = (flag: string, max: number) =>
    args.read(flag, `whole number 1 to ${max}`, (text) => {
      const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
      return value < 1 || value > max ? undefined : value;
    });
  const files = number("files", 100_000) ?? DEFAULT_FILES;
  const connections = number("connections", 10_000) ?? DEFAULT_CONNECTIONS;
  args.mustBeRight();
  const modes: readonly Wire[] = mode === "both" ? ["stateless", "stateful"] : [mode];
  return { server: server!, modes, scenarios, files, connections };
}

async function runBench(args: ParsedArgs, { out, err }: Output): Promise<number> {
  const asked = readBenchArgs(args);
  await mustConnect(asked.server);
  const stop = new AbortController();
  using _signals = onStop(() => stop.abort());

  const rows: Row[] = [];
  const errors: Record<string, number> = {};
  for (const scenario of asked.scenarios) {
    for (const wire of asked.modes) {
      if (stop.signal.aborted) break;
      err.status(`${scenario.name} ${wire}: ${scenario.title}`);
      const result = await measure(scenario, wire, asked, stop.signal);
      rows.push(rowOf(scenario, wire, result));
      for (const [code, times] of Object.entries(result.errors)) {
        errors[code] = (errors[code] ?? 0) + times;
      }
    }
  }
  err.status("");
  if (args.has("json")) {
    out.line(JSON.stringify({ ...asked.server, files: asked.files, rows, errors }));
  } else {
    for (const line of renderTable(rows)) out.line(line);
    for (const line of advice(errors)) out.line(line);
  }
  if (stop.signal.aborted) return CODES.interrupted.exit;
  return Object.keys(errors).length > 0 ? CODES.some_failed.exit : 0;
}

async function measure(
  scenario: Scenario,
  wire: Wire,
  { server, files, connections }: BenchArgs,
  signal: AbortSignal,
): Promise<LoadResult> {
  const plan: LoadPlan = { ...scenario.shape(wire, files), ...server, wire, signal };
  if (scenario.name !== "C") return await runLoad(plan);
  const requests = Math.max(1, Math.round(files / connections));
  return await runLoad({ ...plan, connections, requests });
}

/** For each code with which a server refuses: the setting whose limit was reached. */
const LIMITS: Readonly<Record<string, string>> = {
  rate_limited: "limits.rate",
  too_many_connections: "server.max_connections",
  max_sessions: "stateful.max_sessions",
  too_large: "stateless.max_request_size",
};

/** A line for each code that came back, with the setting behind it. */
function advice(errors: Readonly<Record<string, number>>): string[] {
  const lines = Object.entries(errors).map(([code, times]) => {
    const limit = LIMITS[code];
    const of = limit === undefined ? "" : ` (the server's ${limit})`;
    return `${count(times, "error")}: ${shorten(code, 40)}${of}`;
  });
  return lines.length === 0 ? [] : ["", ...lines.flatMap((line) => wrap(line, 80))];
}
