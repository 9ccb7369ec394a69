/**
 * `deno task bench`: puts the server through every scenario, in both modes and with each store, and
 * prints a table. Needs nothing but Deno; with redis-server installed redis takes part. With `--clients`
 * fxfer's own client stands beside other programs that move files.
 *
 * Contenders take turns, each with a fresh server, and the median of the rounds is shown. Load and
 * server share the machine: compare figures of one run only.
 *
 * @module
 */
import { reasonOf } from "../../src/errors.ts";
import { renderTable, type Row, SCENARIOS } from "../../src/bench/mod.ts";
import { createOutput } from "../../src/terminal/mod.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { findProgram } from "../helpers/require.ts";
import { compare, timingLines } from "./clients/compare.ts";
import { missingFor, TOOLS } from "./clients/tools.ts";
import { type Contender, contenders } from "./contenders.ts";
import { costLines } from "./cost.ts";
import { type BenchFlags, HELP, readFlags } from "./flags.ts";
import { measure, medianRow, SCENARIO_NAMES } from "./measure.ts";
import { clientsPage, scenarioPage } from "./page.ts";
import { SPECIAL } from "./special.ts";

const { out, err } = createOutput();

/** They end a comparison with all that it has started; Windows has the first alone. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** The middle of all rounds, scenario by scenario. */
async function table(flags: BenchFlags, all: readonly Contender[]): Promise<Row[]> {
  const found = new Map<string, Row[]>();
  for (let round = 1; round <= flags.rounds; round++) {
    for (const name of flags.scenarios) {
      for (const contender of all) {
        if (!contender.scenarios.includes(name)) continue;
        err.status(`round ${round}/${flags.rounds}: ${name}, ${contender.name}`);
        const row = await measure(name, contender, flags);
        const key = `${name} ${contender.name}`;
        found.set(key, [...found.get(key) ?? [], row]);
      }
    }
  }
  err.status("");
  const order = (row: Row) => flags.scenarios.indexOf(row.scenario);
  return [...found.values()].map(medianRow).sort((a, b) => order(a) - order(b));
}

type About = ReturnType<typeof circumstances>;

/** Where and how it was measured. */
function circumstances({ rounds, files, dir }: BenchFlags) {
  const { os, arch } = Deno.build;
  return {
    date: new Date().toISOString(),
    machine: `${os} ${arch}, ${navigator.hardwareConcurrency} processors`,
    deno: Deno.version.deno,
    binary: Deno.env.get("FXFER_BIN") ?? null,
    ...{ rounds, files, dir },
  };
}

async function main(): Promise<number> {
  const flags = readFlags(Deno.args, SCENARIO_NAMES);
  if (typeof flags === "string") {
    err.line(flags);
    return 1;
  }
  if (flags.help) {
    for (const line of HELP) out.line(line);
    for (const { name, title } of [...SCENARIOS, ...SPECIAL]) {
      out.line(`  ${name.padEnd(9)} ${title}`);
    }
    return 0;
  }
  const about = circumstances(flags);
  return flags.clients === null
    ? await runScenarios(flags, about)
    : await runClients({ ...flags, ...flags.clients }, about);
}

/** Those of the list that `--only` names, all if it names none; undefined, said, if one is unknown. */
function chosen<T extends { readonly name: string }>(
  { contenders }: BenchFlags,
  known: readonly T[],
): readonly T[] | undefined {
  const names = known.map(({ name }) => name);
  const unknown = contenders.filter((wanted) => !names.includes(wanted));
  if (unknown.length === 0) {
    return known.filter(({ name }) => contenders.length === 0 || contenders.includes(name));
  }
  err.line(`--only: no ${unknown.join(", ")}; there is ${names.join(", ")}`);
  return undefined;
}

async function runScenarios(flags: BenchFlags, about: About): Promise<number> {
  const program = findProgram("redis-server");
  await using redis = program === undefined ? undefined : await RedisServer.start(program);
  const all = chosen(flags, contenders(redis));
  if (all === undefined) return 1;
  const { machine, deno, rounds, files, dir } = about;
  out.line(`${machine}, Deno ${deno}; ${rounds} rounds, ${files} files, storage in ${dir}`);
  out.line("");
  if (flags.cost) {
    for (const line of await costLines(all, flags, (text) => err.status(text))) out.line(line);
    return 0;
  }
  const rows = await table(flags, all);
  for (const line of renderTable(rows)) out.line(line);
  const kept = await keep(flags, { ...about, rows }, () => scenarioPage(rows, about));
  return kept && rows.every(({ errors }) => errors === 0) ? 0 : 1;
}

async function runClients(
  flags: BenchFlags & NonNullable<BenchFlags["clients"]>,
  about: About,
): Promise<number> {
  const wanted = chosen(flags, TOOLS);
  if (wanted === undefined) return 1;
  const tools = wanted.filter((tool) => missingFor(tool).length === 0);
  const leftOut = wanted.filter((tool) => !tools.includes(tool)).map((tool) =>
    `${tool.name}, which needs ${missingFor(tool).join(" and ")}`
  );
  const { machine, deno, rounds, dir } = about;
  const { rttMs, small, big } = flags;
  out.line(`${machine}, Deno ${deno}; ${rounds} rounds, ${rttMs} ms round trip, files in ${dir};`);
  out.line(`small: ${small} files of 10 KiB in a folder, big.bin: one file of ${big} MiB`);
  for (const text of leftOut) out.line(`Left out: ${text}`);
  out.line("");
  const stop = new AbortController();
  // Twice is as once: `deno task` passes a Ctrl-C on that the terminal has sent to all already.
  for (const signal of Deno.build.os === "windows" ? SIGNALS.slice(0, 1) : SIGNALS) {
    Deno.addSignalListener(signal, () => stop.abort(new Error(`Interrupted by ${signal}`)));
  }
  const plan = { tools, rounds, rttMs, small, big, dir, signal: stop.signal };
  try {
    const timings = await compare(
      plan,
      (text) => err.status(text),
      (text) => err.line(text),
    );
    for (const line of timingLines(timings)) out.line(line);
    const said = { ...about, rttMs, small, big, leftOut };
    const page = () => clientsPage(timings, plan, leftOut, about);
    const kept = await keep(flags, { ...said, timings }, page);
    return kept && timings.every(({ faults }) => faults.length === 0) ? 0 : 1;
  } catch (error) {
    err.status("");
    err.line(reasonOf(error));
    return 1;
  }
}

/** Writes the files that were asked for; false, said, if one cannot be written. */
async function keep(
  { json, html }: BenchFlags,
  results: unknown,
  page: () => string,
): Promise<boolean> {
  try {
    if (json !== undefined) {
      await Deno.writeTextFile(json, `${JSON.stringify(results, null, 2)}\n`);
    }
    if (html !== undefined) await Deno.writeTextFile(html, page());
    return true;
  } catch (error) {
    err.line(`Cannot write the results: ${reasonOf(error)}`);
    return false;
  }
}

Deno.exit(await main());
