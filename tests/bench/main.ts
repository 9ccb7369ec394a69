/**
 * `deno task bench`: puts the server through every scenario, in both modes and with each store, and
 * prints a table. Needs nothing but Deno; with redis-server installed redis takes part.
 *
 * Contenders take turns, each with a fresh server, and the median of the rounds is shown. Load and
 * server share the machine: compare figures of one run only.
 *
 * @module
 */
import { renderTable, type Row, SCENARIOS } from "../../src/bench/mod.ts";
import { createOutput } from "../../src/terminal/output.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { findProgram } from "../helpers/require.ts";
import { type Contender, contenders } from "./contenders.ts";
import { costLines } from "./cost.ts";
import { type BenchFlags, HELP, readFlags } from "./flags.ts";
import { measure, medianRow, SCENARIO_NAMES } from "./measure.ts";
import { SPECIAL } from "./special.ts";

const { out, err } = createOutput();

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
  const program = findProgram("redis-server");
  await using redis = program === undefined ? undefined : await RedisServer.start(program);
  const known = contenders(redis);
  const unknown = flags.contenders.filter((wanted) => known.every(({ name }) => name !== wanted));
  if (unknown.length > 0) {
    err.line(
      `--only: no ${unknown.join(", ")}; there is ${known.map(({ name }) => name).join(", ")}`,
    );
    return 1;
  }
  const all = known.filter(({ name }) =>
    flags.contenders.length === 0 || flags.contenders.includes(name)
  );
  const about = circumstances(flags);
  const { machine, deno, rounds, files, dir } = about;
  out.line(`${machine}, Deno ${deno}; ${rounds} rounds, ${files} files, storage in ${dir}`);
  out.line("");
  if (flags.cost) {
    for (const line of await costLines(all, flags, (text) => err.status(text))) out.line(line);
    return 0;
  }
  const rows = await table(flags, all);
  for (const line of renderTable(rows)) out.line(line);
  if (flags.json !== undefined) {
    await Deno.writeTextFile(flags.json, JSON.stringify({ ...about, rows }, null, 2) + "\n");
  }
  return rows.some(({ errors }) => errors > 0) ? 1 : 0;
}

Deno.exit(await main());
