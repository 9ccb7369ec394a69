/** `fxfer doctor`: checks whether a server with this configuration would work on this machine. @module */
import { loadConfig } from "../../config/mod.ts";
import { type Output, paintOf } from "../../terminal/mod.ts";
import { count, escapeControls, wrap } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { CONFIG_OPTIONS, loadOptions } from "../config_flags.ts";
import { type Finding, Findings } from "./finding.ts";
import { checkStorage } from "./storage_check.ts";
import { checkStore } from "./store_check.ts";
import { checkOpenFiles, checkPermissions, checkPort, checkRuntime } from "./system_checks.ts";

/** `fxfer doctor`. */
export const DOCTOR_COMMAND: Command = {
  spec: {
    name: "doctor",
    summary: "Look whether a server would do its job here",
    options: { ...CONFIG_OPTIONS, json: { help: "Write one JSON object a finding" } },
    details: [
      "It takes the flags of fxfer serve, changes nothing and starts nothing: runtime, permissions, " +
      "configuration, storage, open files, port, session store. Exit code 1: there are problems.",
    ],
  },
  run: runDoctor,
};

const MARKS = {
  ok: { text: "ok", style: "green" },
  note: { text: "note", style: "yellow" },
  problem: { text: "PROBLEM", style: "red" },
} as const;

async function runDoctor(args: ParsedArgs, { out }: Output): Promise<number> {
  const paint = paintOf(out);
  const counts = { ok: 0, note: 0, problem: 0 };
  const show = (finding: Finding) => {
    counts[finding.level]++;
    if (args.has("json")) return out.line(escapeControls(JSON.stringify(finding)));
    const { text, style } = MARKS[finding.level];
    const head = `${paint(style, text.padEnd(8))} ${finding.check.padEnd(13)} `;
    const words = finding.advice === undefined
      ? finding.text
      : `${finding.text} (${finding.advice})`;
    const [first, ...more] = wrap(escapeControls(words), 57);
    out.line(head + first!);
    for (const line of more) out.line(" ".repeat(23) + line);
  };

  checkRuntime(Deno.version.deno).forEach(show);
  // With a faulty configuration nothing else can be checked: the error names every fault.
  const { config, file, notes } = await loadConfig(loadOptions(args));
  const found = new Findings("configuration");
  for (const note of notes) found.note(note);
  if (notes.length === 0) found.ok(file === undefined ? "the defaults" : `${file} is valid`);
  found.list.forEach(show);
  for (const check of [checkPermissions, checkStorage, checkOpenFiles, checkPort, checkStore]) {
    (await check(config)).forEach(show);
  }

  if (!args.has("json")) {
    const notes = counts.note === 0 ? "" : `, ${count(counts.note, "note")}`;
    out.line(`${counts.problem === 0 ? "no problems" : count(counts.problem, "problem")}${notes}`);
  }
  return counts.problem === 0 ? 0 : 1;
}
