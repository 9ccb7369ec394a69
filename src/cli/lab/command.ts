/** `fxfer lab`: runs the experiments and writes the report. @module */
import { FxferError } from "../../errors.ts";
import {
  type Bench,
  type Done,
  EXPERIMENTS,
  reportHtml,
  type Subject,
  toCsv,
} from "../../lab/mod.ts";
import { onStop, type Output, type Paint, paintOf, type TextStream } from "../../terminal/mod.ts";
import { formatDuration, wrap } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { cannot } from "../local.ts";
import { SUMMARIES } from "../summaries.ts";
import { FXFER_VERSION } from "../version.ts";
import { startServer } from "./child_server.ts";
import { RedisPair } from "./redis_pair.ts";

export const LAB_COMMAND: Command = {
  spec: {
    name: "lab",
    summary: SUMMARIES.lab,
    operands: {
      name: "EXPERIMENT",
      min: 0,
      max: 1,
      words: EXPERIMENTS.map(({ name }) => name),
    },
    options: {
      out: { value: "DIR", help: "Where report.html and the figures go; default fxfer-lab" },
      quick: { help: "Fewer points and shorter runs: under a minute in all" },
      seed: { value: "NUMBER", help: "Where all randomness begins; default 1" },
    },
    details: [
      `Experiments: ${
        EXPERIMENTS.map(({ name }) => name).join(", ")
      }; default all of them. Servers run ` +
      "in processes of their own on free ports of this machine, and leave nothing.",
      "The report is one file, report.html, which needs no network. The raw figures stand beside it as " +
      "CSV and JSON.",
    ],
  },
  run: runLab,
};

async function runLab(args: ParsedArgs, { out }: Output): Promise<number> {
  const folder = args.text("out") ?? "fxfer-lab";
  const seed = args.read(
    "seed",
    "a whole number",
    (text) => /^\d{1,9}$/.test(text) ? Number(text) : undefined,
  ) ?? 1;
  args.mustBeRight();
  const [only] = args.operands;
  const chosen = EXPERIMENTS.filter(({ name }) => only === undefined || name === only);
  await Deno.mkdir(folder, { recursive: true }).catch(cannot(`make the folder ${folder}`));

  const root = await Deno.makeTempDir({ prefix: "fxfer_lab_" }).catch(cannot("make a folder"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(root, { recursive: true }));
  const redis = await RedisPair.start(root);
  if (redis !== undefined) stack.use(redis);
  const servers: Promise<Subject>[] = [];
  stack.defer(async () => {
    // After an interruption some are still running, or about to start.
    for (const started of await Promise.allSettled(servers)) {
      if (started.status === "fulfilled") await started.value.kill();
    }
  });
  const stopped = Promise.withResolvers<never>();
  using _signals = onStop(() => stopped.reject(new FxferError("interrupted", "Interrupted")));
  const paint = paintOf(out);
  const begun = performance.now();
  const bench: Bench = {
    ...{ quick: args.has("quick"), seed, hasRedis: redis !== undefined },
    async start(plan = {}) {
      if (plan.store === "redis" && plan.folder === undefined) await redis!.clear();
      const server = startServer(plan, root, redis?.port);
      servers.push(server);
      return await server;
    },
    failOver: () => redis!.failOver(),
    note: (text) => out.line(paint("dim", `   ${text}`)),
  };
  if (redis === undefined) out.line("No redis-server here: what needs one is left out");

  const done: Done[] = [];
  for (const [at, experiment] of chosen.entries()) {
    out.line(paint("bold", `${at + 1}/${chosen.length}  ${experiment.title}`));
    const start = performance.now();
    const findings = await Promise.race([experiment.run(bench), stopped.promise]);
    done.push({ experiment, findings, seconds: (performance.now() - start) / 1000 });
    show(out, paint, findings.conclusions);
    const { name } = experiment;
    const { measurements } = findings;
    await write(`${folder}/${name}.csv`, toCsv(measurements));
    await write(`${folder}/${name}.json`, `${JSON.stringify(measurements, null, 1)}\n`);
  }
  const { os, arch } = Deno.build;
  const machine =
    `${os} ${arch}, ${navigator.hardwareConcurrency} processors, Deno ${Deno.version.deno}`;
  const about = { version: FXFER_VERSION, machine, date: new Date(), seed, quick: bench.quick };
  await write(`${folder}/report.html`, reportHtml(done, about));
  const seconds = (performance.now() - begun) / 1000;
  out.line(`Done in ${formatDuration(seconds)}. Open ${folder}/report.html`);
  return 0;
}

function show(out: TextStream, paint: Paint, conclusions: readonly string[]): void {
  for (const sentence of conclusions) {
    const [first, ...rest] = wrap(sentence, 74);
    out.line(`   ${paint("green", "→")} ${first}`);
    for (const line of rest) out.line(`     ${line}`);
  }
}

async function write(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text).catch(cannot(`write ${path}`));
}
