/** `fxfer rm`: removes files from a server. @module */
import type { Client } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { count, escapeControls, formatBytes } from "../../text.ts";
import { unlessAborted } from "../../within.ts";
import { type CommandSpec, type ParsedArgs, usageError } from "../args.ts";
import { inWords } from "../client_words.ts";
import type { Command } from "../command.ts";
import { reportError } from "../report.ts";
import { Tally } from "../send/tally.ts";
import { KEY_OPTIONS, readServerArgs, RETRIES_OPTION, withServerOperand } from "../server_args.ts";
import { SERVER_OPTIONS } from "../server_flags.ts";
import { SUMMARIES } from "../summaries.ts";
import { findStored, notThere, openClient } from "./client.ts";

const RM: CommandSpec = {
  name: "rm",
  summary: SUMMARIES.rm,
  operands: { name: "NAME", min: 1, max: Infinity },
  options: {
    ...SERVER_OPTIONS,
    yes: { short: "y", help: "Do not ask; needed where there is no terminal to ask on" },
    ...KEY_OPTIONS,
    retries: RETRIES_OPTION,
    json: { help: "Write events to standard output, one JSON object a line" },
    quiet: { short: "q", help: "Show errors only" },
  },
  details: [
    "NAME is the name of a file, or its path as the server has said it (fxfer ls -l). Of several files " +
    "of one name the newest is removed. Before the first NAME may stand the server: HOST:PORT, [::1] " +
    "or fxfer://HOST.",
  ],
};

/** `fxfer rm`. */
export const RM_COMMAND: Command = { spec: RM, run: runRm };

/** A file to remove, under the operand that names it. */
interface Found {
  readonly operand: string;
  readonly file: FileInfo;
}

async function runRm(args: ParsedArgs, output: Output): Promise<number> {
  const server = readServerArgs(args);
  const [yes, json, quiet] = [args.has("yes"), args.has("json"), args.has("quiet")];
  args.mustBeRight();
  const rules = { command: RM.name, operand: "NAME", least: 1 };
  const asked = await withServerOperand({ ...server, files: [...new Set(args.operands)] }, rules);
  if (!yes && !(Deno.stdin.isTerminal() && output.err.terminal)) {
    throw usageError(["--yes is missing: there is no terminal to ask on"], RM.name);
  }
  const stop = new AbortController();
  using _signals = onStop(() => stop.abort(new FxferError("interrupted", "Interrupted")));
  const report = new Report(output, json, quiet);
  try {
    await using client = await openClient(asked, {
      ...{ command: RM.name, purpose: "remove" as const, signal: stop.signal },
      onEvent: (event) => report.say(inWords(event)),
    });
    const found = await find(client, asked.files, report);
    if (found.length > 0) {
      const may = yes || await unlessAborted(confirmed(found, output), stop.signal);
      if (may) await Promise.all(found.map((each) => removeOne(client, each, report)));
      else report.say("Nothing was removed");
    }
    await client.disconnect().catch(() => {});
    return report.end();
  } catch (error) {
    if (error instanceof FxferError) report.tally.stop(error.code);
    report.end();
    throw error;
  }
}

/** What the operands name. */
async function find(client: Client, names: readonly string[], report: Report): Promise<Found[]> {
  const byPath = new Map<string, Found>();
  await Promise.all(names.map(async (operand) => {
    try {
      const file = await findStored(client, operand);
      if (file === undefined) throw notThere(operand);
      byPath.set(file.path, { operand, file });
    } catch (error) {
      report.failed(operand, error);
    }
  }));
  return [...byPath.values()];
}

async function removeOne(client: Client, { operand, file }: Found, report: Report): Promise<void> {
  try {
    await client.remove(file.path);
    report.removed(operand, file);
  } catch (error) {
    report.failed(operand, error);
  }
}

/** Shows what would be removed and asks; anything but y or yes means no. */
async function confirmed(found: readonly Found[], { err }: Output): Promise<boolean> {
  for (const { operand, file: { path, size } } of found) {
    const where = path === operand ? "" : `, ${path}`;
    err.line(escapeControls(`  ${operand} (${formatBytes(size)}${where})`));
  }
  err.line(`Remove ${found.length === 1 ? "it" : `these ${count(found.length, "file")}`}? [y/N]`);
  const buffer = new Uint8Array(1024);
  const read = await Deno.stdin.read(buffer);
  const answer = new TextDecoder().decode(buffer.subarray(0, read ?? 0)).trim();
  return /^y(es)?$/i.test(answer);
}

/** Tells what became of each file. */
class Report {
  readonly tally = new Tally();
  readonly #output: Output;
  readonly #json: boolean;
  readonly #quiet: boolean;

  constructor(output: Output, json: boolean, quiet: boolean) {
    this.#output = output;
    this.#json = json;
    this.#quiet = quiet;
  }

  say(sentence: string | undefined): void {
    if (!this.#quiet && sentence !== undefined) this.#output.err.line(escapeControls(sentence));
  }

  removed(operand: string, { path, name, size, sha256 }: FileInfo): void {
    this.tally.sent(size, { confirmed: true, replayed: false, existing: false });
    if (this.#json) this.#event({ event: "removed", file: operand, path, name, size, sha256 });
    else if (!this.#quiet) {
      const where = path === operand ? "" : `${path}, `;
      this.#output.out.line(escapeControls(`${operand}: removed (${where}${formatBytes(size)})`));
    }
  }

  failed(operand: string, thrown: unknown): void {
    const error = thrown instanceof FxferError
      ? thrown
      : new FxferError("internal_error", `Cannot remove file: ${thrown}`, { cause: thrown });
    this.tally.fail(error.code);
    const { code, exit, message } = error;
    if (this.#json) this.#event({ event: "failed", file: operand, code, exit, message });
    const about = message.includes(operand) ? {} : { about: `${operand}: ` };
    reportError(this.#output.err, error, about);
  }

  /** @returns The exit code. */
  end(): number {
    const { stored: removed, failed, bytes, exit } = this.tally;
    if (this.#json) this.#event({ event: "summary", removed, failed, bytes, exit });
    return exit;
  }

  #event(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
