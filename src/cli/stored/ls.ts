/** `fxfer ls`: lists the files that a server has. @module */
import { FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { type FileInfo, MAX_NAME_BYTES } from "../../protocol/mod.ts";
import { onStop, type Output, paintOf } from "../../terminal/mod.ts";
import { count, escapeControls, formatBytes } from "../../text.ts";
import type { CommandSpec, ParsedArgs } from "../args.ts";
import { inWords } from "../client_words.ts";
import type { Command } from "../command.ts";
import {
  KEY_OPTIONS,
  readServerArgs,
  RETRIES_OPTION,
  type ServerArgs,
  withServerOperand,
} from "../server_args.ts";
import { SERVER_OPTIONS } from "../server_flags.ts";
import { SUMMARIES } from "../summaries.ts";
import { openClient } from "./client.ts";
import { FileTable } from "./table.ts";

const LS: CommandSpec = {
  name: "ls",
  summary: SUMMARIES.ls,
  operands: { name: "PREFIX", min: 0, max: 2 },
  options: {
    ...SERVER_OPTIONS,
    long: { short: "l", help: "Also the path, the time and the digest of each file" },
    newest: { short: "t", help: "The newest first, instead of by name" },
    limit: { value: "N", short: "n", help: "N files at most" },
    ...KEY_OPTIONS,
    retries: RETRIES_OPTION,
    json: { help: "Write a JSON object a line: each file, then a summary" },
    quiet: { short: "q", help: "No messages besides errors" },
  },
  details: [
    "Lists the files whose name begins with PREFIX, or all that this client may see. Before PREFIX may " +
    "stand the server: HOST:PORT, [::1] or fxfer://HOST. On a terminal names are cut to fit; elsewhere " +
    "and with -l they are whole. For example, what came last:",
    "  fxfer ls fxfer://backup.example -t -n 20",
  ],
};

/** `fxfer ls`. */
export const LS_COMMAND: Command = { spec: LS, run: runLs };

interface LsArgs extends ServerArgs {
  readonly files: readonly string[];
  readonly long: boolean;
  readonly newest: boolean;
  readonly limit: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A table is written in pieces, so that a long list begins at once. */
const ROWS = 1000;

async function readLsArgs(args: ParsedArgs): Promise<LsArgs> {
  const number = (text: string) => /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
  const server = readServerArgs(args);
  const limit = args.read("limit", "a whole number above 0", number) ?? Infinity;
  if (args.operands.some((prefix) => new TextEncoder().encode(prefix).length > MAX_NAME_BYTES)) {
    args.fault(`PREFIX is over ${MAX_NAME_BYTES} bytes`);
  }
  args.mustBeRight();
  const asked = {
    ...{ ...server, files: args.operands, limit },
    long: args.has("long"),
    newest: args.has("newest"),
    json: args.has("json"),
    quiet: args.has("quiet"),
  };
  const found = await withServerOperand(asked, { command: LS.name, operand: "PREFIX", least: 0 });
  if (found.files.length <= 1) return found;
  throw new FxferError("usage", `Unexpected argument ${found.files[1]}`, {
    fields: { faults: [`Unexpected argument ${found.files[1]}`], command: LS.name },
  });
}

async function runLs(args: ParsedArgs, output: Output): Promise<number> {
  const asked = await readLsArgs(args);
  const [prefix] = asked.files;
  const stop = new AbortController();
  const { signal } = stop;
  using _signals = onStop(() => stop.abort(new FxferError("interrupted", "Interrupted")));
  const say = (sentence: string | undefined) => {
    if (!asked.quiet && sentence !== undefined) output.err.line(escapeControls(sentence));
  };
  await using client = await openClient(asked, {
    ...{ command: LS.name, purpose: "list" as const, signal },
    onEvent: (event) => say(inWords(event)),
  });
  const { limit, newest } = asked;
  const order = newest ? "newest" as const : "name" as const;
  const pageSize = Math.min(limit, ROWS);
  const rows = new Rows(asked, output);
  for await (const file of client.list(omitUndefined({ prefix, order, pageSize, signal }))) {
    rows.add(file);
    if (rows.count === limit) break;
  }
  rows.end();
  const none = prefix === undefined ? "no files" : `no file whose name begins with ${prefix}`;
  if (rows.count === 0 && !asked.json) say(`fxfer: the server has ${none}`);
  else if (output.out.terminal) say(`${count(rows.count, "file")}: ${formatBytes(rows.bytes)}`);
  return 0;
}

/** Writes files as they come. */
class Rows {
  count = 0;
  bytes = 0;
  readonly #asked: LsArgs;
  readonly #output: Output;
  readonly #table: FileTable;
  #page: FileInfo[] = [];

  constructor(asked: LsArgs, output: Output) {
    this.#asked = asked;
    this.#output = output;
    const { out } = output;
    this.#table = new FileTable({
      columns: out.terminal ? out.columns : Infinity,
      long: asked.long,
      paint: paintOf(out),
      now: Date.now(),
    });
  }

  add(file: FileInfo): void {
    this.count++;
    this.bytes += file.size;
    if (this.#asked.json) return this.#json({ event: "file", ...file });
    this.#page.push(file);
    if (this.#page.length === ROWS) this.#flush();
  }

  end(): void {
    const { count: files, bytes } = this;
    if (this.#asked.json) this.#json({ event: "summary", files, bytes, exit: 0 });
    else this.#flush();
  }

  #flush(): void {
    const lines = this.#table.page(this.#page);
    this.#page = [];
    if (lines.length > 0) this.#output.out.line(lines.join("\n"));
  }

  #json(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
