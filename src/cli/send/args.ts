/** `fxfer send`: its flags, checked. @module */
import { parseEndpoint } from "../../address.ts";
import { fitName } from "../../client/mod.ts";
import { readBytes } from "../../config/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { MAX_COMPONENT_BYTES } from "../../protocol/mod.ts";
import { type CommandSpec, type ParsedArgs, usageError } from "../args.ts";
import { KEY_OPTIONS, readServerArgs, RETRIES_OPTION, type ServerArgs } from "../server_args.ts";
import { SERVER_OPTIONS } from "../server_flags.ts";
import { SUMMARIES } from "../summaries.ts";

/** The operand that means standard input. */
export const STDIN = "-";

/** The form that a media type must have to stand in a header (S-FRM-5). */
export const MEDIA_TYPE: RegExp = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/** The folder of the journals, in the current folder; it is removed with its last journal. */
export const DEFAULT_STATE = ".fxfer";

/** The fault of `--name` where there are several files. */
export const SEVERAL_NAMED = "--name names one file, and there are several";

/** The words of --mode. */
const MODES = ["auto", "stateful", "stateless", "v1"] as const;

/** The flags of `fxfer send`. */
export const SEND: CommandSpec = {
  name: "send",
  summary: SUMMARIES.send,
  operands: { name: "FILE", min: 1, max: Infinity },
  options: {
    ...SERVER_OPTIONS,
    mode: {
      value: "MODE",
      words: MODES,
      help:
        "auto (a session, without one where the server offers none), stateful, stateless, or v1 " +
        "(not even asked what it speaks) (default auto)",
    },
    name: { value: "NAME", help: "Name to give to the server instead of the file's own" },
    type: { value: "TYPE", help: "Media type, such as image/png, instead of that of the name" },
    ...KEY_OPTIONS,
    "allow-v1": { help: "Go on with a version 1 server, which confirms nothing (exit code 6)" },
    retries: RETRIES_OPTION,
    trust: {
      value: "HOST:PORT",
      multiple: true,
      help: "Follow the session there if the server says that it has moved",
    },
    state: {
      value: "DIR",
      help: `Folder that remembers how to go on after an interruption (default ${DEFAULT_STATE})`,
    },
    recursive: { short: "r", help: "Send what is in folders; the name keeps the path below them" },
    exclude: {
      value: "PATTERN",
      multiple: true,
      help: "Leave out what the pattern fits, by the rules of .gitignore",
    },
    "exclude-from": {
      value: "FILE",
      multiple: true,
      help: "Leave out what the patterns in a file fit, one a line",
    },
    "follow-links": { help: "Send what links in folders point to, instead of leaving links out" },
    "skip-special": { help: "Links, pipes, devices and the like that are left out are no failure" },
    "dry-run": { short: "n", help: "Show what would be sent, and send nothing" },
    "limit-rate": { value: "RATE", help: "Bytes a second at most, such as 500k or 2MiB" },
    "if-new": { help: "Do not send what the server has under the same name with the same bytes" },
    "no-rename": { help: "Fail where another file has the name, instead of adding a number to it" },
    trace: { help: "Show what happens to the session, with the rule behind it" },
    json: { help: "Write events to standard output, one JSON object a line" },
    quiet: { short: "q", help: "Show errors only" },
  },
  details: [
    "FILE may be a pattern such as 'logs/**/*.txt', or - for standard input. Before the first FILE " +
    "may stand the server: HOST:PORT, [::1], fxfer://HOST, or with TLS fxfers://HOST. An address with " +
    "a key is seen by whoever lists processes; from --address-file it is not.",
    "A broken connection is made again and " +
    "the file goes on where the server has it; so does the same command after an interruption or a " +
    "crash, and what the server has already is not sent again.",
    "A PATTERN is read as if it stood in the .gitignore of each folder that is sent. What fxfer " +
    "itself keeps (.fxfer and its journals) is never sent.",
  ],
};

/** The arguments of `fxfer send`, checked. */
export interface SendArgs extends ServerArgs {
  readonly files: readonly string[];
  readonly mode: typeof MODES[number];
  readonly name?: string;
  /** `type/subtype`. */
  readonly type?: string;
  readonly allowV1: boolean;
  /** Servers the session may be followed to, as `host:port`. */
  readonly trust: readonly string[];
  /** Whether folders are sent. */
  readonly recursive: boolean;
  /** Patterns of what to leave out, and files with more of them. */
  readonly exclude: readonly string[];
  readonly excludeFrom: readonly string[];
  readonly followLinks: boolean;
  readonly skipSpecial: boolean;
  readonly dryRun: boolean;
  /** Bytes a second; absent for no limit. */
  readonly limitRate?: number;
  /** Whether files that the server has are not sent, and whether another name is refused. */
  readonly ifNew: boolean;
  readonly noRename: boolean;
  /** Folder of the journals. */
  readonly state: string;
  /** Whether the user named that folder. */
  readonly stateAsked: boolean;
  readonly trace: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** @throws {FxferError} `usage` if what was asked for does not go together. */
export function mustFit(asked: SendArgs): SendArgs {
  const { allowV1, mode, tls, key } = asked;
  if (!tls && key === undefined || !allowV1 && mode !== "v1") return asked;
  const flag = allowV1 ? "--allow-v1" : "--mode v1";
  const what = tls ? "TLS" : "a key";
  throw usageError([`${flag} does not go with ${what}, which version 1 servers lack`], SEND.name);
}

/** Checks the flags of `fxfer send`. @throws {FxferError} `usage` with every fault at once. */
export function readSendArgs(args: ParsedArgs): SendArgs {
  const server = readServerArgs(args);
  const mode = args.word("mode", MODES) ?? "auto";
  const rate = (text: string) => readBytes(text) || undefined;
  const limitRate = args.read("limit-rate", "bytes a second such as 500k", rate);

  const trust = args.list("trust");
  for (const each of trust) {
    if (parseEndpoint(each) === undefined) args.reject("--trust", "host:port", each);
  }

  const files = args.operands;
  const name = args.text("name");
  const recursive = args.has("recursive");
  if (name !== undefined && (recursive || files.length > 1)) {
    args.fault(SEVERAL_NAMED);
  }
  if (name === "") args.reject("--name", "a name", name);
  if (name !== undefined && fitName(name, true).length < name.length) {
    const wanted = `a path without empty parts, of at most ${MAX_COMPONENT_BYTES} bytes a part`;
    args.reject("--name", wanted, name);
  }
  const mediaType = (text: string) => MEDIA_TYPE.test(text) ? text : undefined;
  const type = args.read("type", "a media type such as image/png", mediaType);
  if (files.filter((file) => file === STDIN).length > 1) {
    args.fault("- is standard input and can be sent once");
  }
  if (files.includes("")) args.fault("FILE is empty");
  if (mode === "v1" && args.has("if-new")) {
    args.fault("--if-new: a version 1 server cannot be asked");
  }
  const hasKey = server.key !== undefined || server.keyFile !== undefined;
  if (hasKey && (args.has("allow-v1") || mode === "v1")) args.fault("Version 1 has no keys");
  args.mustBeRight();

  return omitUndefined({
    ...server,
    ...{ files, mode, name, type, trust, limitRate, recursive },
    allowV1: args.has("allow-v1"),
    ifNew: args.has("if-new"),
    noRename: args.has("no-rename"),
    exclude: args.list("exclude"),
    excludeFrom: args.list("exclude-from"),
    followLinks: args.has("follow-links"),
    skipSpecial: args.has("skip-special"),
    dryRun: args.has("dry-run"),
    state: args.text("state") ?? DEFAULT_STATE,
    stateAsked: args.has("state"),
    trace: args.has("trace"),
    json: args.has("json"),
    quiet: args.has("quiet"),
  });
}
