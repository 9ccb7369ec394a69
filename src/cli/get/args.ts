/** `fxfer get`: its flags, checked. @module */
import { readBytes } from "../../config/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { type CommandSpec, type ParsedArgs, usageError } from "../args.ts";
import {
  KEY_OPTIONS,
  readServerArgs,
  RETRIES_OPTION,
  type ServerArgs,
  withServerOperand,
} from "../server_args.ts";
import { SERVER_OPTIONS } from "../server_flags.ts";
import { SUMMARIES } from "../summaries.ts";

/** The value of --output that means standard output. */
export const STDOUT = "-";

/** The operand that, with -r, means every file. */
export const EVERYTHING = ".";

export const GET: CommandSpec = {
  name: "get",
  summary: SUMMARIES.get,
  operands: { name: "NAME", min: 1, max: Infinity },
  options: {
    ...SERVER_OPTIONS,
    output: {
      value: "FILE",
      short: "o",
      help: "Write to this file or folder, or to standard output (-)",
    },
    recursive: { short: "r", help: "Get what is below NAME, with its folders; . means every file" },
    force: { short: "f", help: "Replace files that are there with other bytes" },
    ...KEY_OPTIONS,
    retries: RETRIES_OPTION,
    "limit-rate": { value: "RATE", help: "Bytes a second at most, such as 500k or 2MiB" },
    json: { help: "Write events to standard output, one JSON object a line" },
    quiet: { short: "q", help: "Show errors only" },
  },
  details: [
    "NAME is the name of a file, or its path as the server has said it (fxfer ls -l). Of several files " +
    "of one name the newest is meant. Before the first NAME may stand the server: HOST:PORT, [::1] or " +
    "fxfer://HOST. Files go to the current folder unless -o says otherwise.",
    "While a file comes, its bytes are in NAME.<digest>.part; one of up to 64 KiB may be written when it is " +
    "whole. A broken connection is made again and the file goes on; so does the same command after an interruption or a crash. The file gets its name " +
    "when its SHA-256 is right, with the time of its last change. What is there already with the same " +
    "bytes is not fetched again, and what has other bytes stays as it is without --force.",
    "  fxfer send -r photos && fxfer get -r photos -o copy && diff -r photos copy/photos",
  ],
};

/** The arguments of `fxfer get`, checked. */
export interface GetArgs extends ServerArgs {
  /** The names. */
  readonly files: readonly string[];
  /** Absent for the current folder. */
  readonly output?: string;
  readonly recursive: boolean;
  readonly force: boolean;
  /** Bytes a second; absent for no limit. */
  readonly limitRate?: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Checks the flags of `fxfer get`. @throws {FxferError} `usage` with every fault at once. */
export async function readGetArgs(args: ParsedArgs): Promise<GetArgs> {
  const server = readServerArgs(args);
  const output = args.text("output");
  const limitRate = args.read(
    "limit-rate",
    "bytes a second such as 500k",
    (text) => readBytes(text) || undefined,
  );
  const [recursive, json] = [args.has("recursive"), args.has("json")];
  if (output === "") args.fault("--output is empty");
  if (output === STDOUT && recursive) args.fault("-r gives many files, and -o - takes one");
  if (output === STDOUT && json) args.fault("--json and -o - both write to standard output");
  if (args.operands.includes("")) args.fault("NAME is empty");
  args.mustBeRight();
  const asked: GetArgs = omitUndefined({
    ...{ ...server, files: args.operands, output, limitRate, recursive, json },
    force: args.has("force"),
    quiet: args.has("quiet"),
  });
  const rules = { command: GET.name, operand: "NAME", least: 1 };
  const found = await withServerOperand(asked, rules);
  if (output === STDOUT && found.files.length > 1) {
    throw usageError(["-o - takes one file"], GET.name);
  }
  return found;
}
