/** `fxfer doctor`: checks whether a server with this configuration would work on this machine. @module */
import { loadConfig } from "../../config/mod.ts";
import { type Output, paintOf } from "../../terminal/mod.ts";
import { count, escapeControls, wrap } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { CONFIG_OPTIONS, loadOptions } from "../config_flags.ts";
import { SUMMARIES } from "../summaries.ts";
import { checkRuntime, CHECKS } from "./checks.ts";
import { type Finding, note, ok } from "./finding.ts";

export const DOCTOR_COMMAND: Command = {
  spec: {
    name: "doctor",
    summary: SUMMARIES.doctor,
    options: { ...CONFIG_OPTIONS, json: { help: "Write one JSON object for each finding" } },
    details: [
      "It takes the flags of fxfer serve and looks at runtime, permissions, configuration, storage, " +
      "open files, ports, certificate and session store. It changes nothing and starts nothing. Exit code 1: there " +
      "are problems.",
    ],
  },
  run: runDoctor,
};

const STYLE = { ok: "green", note: "yellow", problem: "red" } as const;

async function runDoctor(args: ParsedArgs, { out }: Output): Promise<number> {
  const paint = paintOf(out);
  const counts = { ok: 0, note: 0, problem: 0 };
  const show = (check: string, { level, ...finding }: Finding) => {
    counts[level]++;
    if (args.has("json")) {
      return out.line(escapeControls(JSON.stringify({ level, check, ...finding })));
    }
    const mark = level === "problem" ? "PROBLEM" : level;
    const head = `${paint(STYLE[level], mark.padEnd(8))} ${check.padEnd(13)} `;
    const advice = finding.advice === undefined ? "" : ` (${finding.advice})`;
    const [first, ...more] = wrap(escapeControls(finding.text + advice), 57);
    out.line(head + first!);
    for (const line of more) out.line(" ".repeat(23) + line);
  };

  show("runtime", checkRuntime(Deno.version.deno));
  // With a faulty configuration nothing else can be checked: the error names every fault.
  const { config, file, notes } = await loadConfig(loadOptions(args));
  for (const text of notes) show("configuration", note(text));
  if (notes.length === 0) {
    show("configuration", ok(file === undefined ? "the defaults" : `${file} is valid`));
  }
  for (const [name, check] of Object.entries(CHECKS)) {
    for (const finding of await check(config)) show(name, finding);
  }

  if (!args.has("json")) {
    const notes = counts.note === 0 ? "" : `, ${count(counts.note, "note")}`;
    out.line(`${counts.problem === 0 ? "no problems" : count(counts.problem, "problem")}${notes}`);
  }
  return counts.problem === 0 ? 0 : 1;
}
