/** `fxfer send`: its flags, checked. @module */
import { parseEndpoint } from "../../address.ts";
import { DEFAULT_RETRIES } from "../../client/mod.ts";
import { readBytes } from "../../config/mod.ts";
import { parseKey } from "../../keys/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { MAX_COMPONENT_BYTES } from "../../protocol/mod.ts";
import { isServerUrl } from "../../tls/mod.ts";
import { type CommandSpec, type ParsedArgs, usageError } from "../args.ts";
import {
  type AskedServer,
  readServer,
  readServerFlags,
  SERVER_OPTIONS,
  withAddressFile,
  withServer,
} from "../server_flags.ts";

/** The operand that means standard input. */
export const STDIN = "-";

/** The form that a media type must have to stand in a header (S-FRM-5). */
export const MEDIA_TYPE: RegExp = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/** The folder of the journals, in the current folder; it is removed with its last journal. */
export const DEFAULT_STATE = ".fxfer";

/** The fault of `--name` where there are several files. */
export const SEVERAL_NAMED = "--name names one file, and there are several";

/** The words of --mode. */
const MODES = ["auto", "stateful", "stateless"] as const;

/** The flags of `fxfer send`. */
export const SEND: CommandSpec = {
  name: "send",
  summary: "Send files to a server",
  operands: { name: "FILE", min: 1, max: Infinity },
  options: {
    ...SERVER_OPTIONS,
    mode: {
      value: "MODE",
      words: MODES,
      help: "auto (a session, without one where the server offers none), stateful or stateless " +
        "(default auto)",
    },
    name: { value: "NAME", help: "Name to give to the server instead of the file's own" },
    type: { value: "TYPE", help: "Media type, such as image/png, instead of that of the name" },
    "key-file": { value: "FILE", help: "File with your key, mode 0600; - for standard input" },
    key: { value: "KEY", help: "Your key itself, which others on this machine can see" },
    mac: { help: "Ask for codes that show that no frame was changed; needs a key" },
    "allow-v1": { help: "Go on with a version 1 server, which confirms nothing (exit code 6)" },
    retries: {
      value: "N",
      help: `Tries after the first one that failed (default ${DEFAULT_RETRIES})`,
    },
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
export interface SendArgs extends AskedServer {
  readonly files: readonly string[];
  readonly mode: typeof MODES[number];
  readonly name?: string;
  /** `type/subtype`. */
  readonly type?: string;
  /** The user's key; absent where it is in a file, or there is none. */
  readonly key?: string;
  readonly keyFile?: string;
  readonly mac: boolean;
  readonly allowV1: boolean;
  /** Tries after the first. */
  readonly retries: number;
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
  /** Folder of the journals. */
  readonly state: string;
  /** Whether the user named that folder. */
  readonly stateAsked: boolean;
  readonly trace: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * Takes the server out of the operands, if the first of several names one, or reads it from a file.
 * `HOST:PORT` may also be the name of a file; an address such as `fxfers://HOST` is none.
 *
 * @throws {FxferError} `usage` if it contradicts the flags, or names no server.
 */
export async function withServerOperand(
  asked: SendArgs,
  isFile: (path: string) => Promise<boolean>,
): Promise<SendArgs> {
  if (asked.addressFile === STDIN && asked.files.includes(STDIN)) {
    throw usageError(["- is standard input: of FILE or of --address-file"], SEND.name);
  }
  const [first = "", ...files] = asked.files;
  const isUrl = isServerUrl(first);
  const server = readServer(first);
  const namesServer = isUrl || server !== undefined && /^\[.+\]$|:\d+$/.test(first);
  if (!namesServer || !isUrl && (files.length === 0 || await isFile(first))) {
    return mustFit({ ...asked, ...await withAddressFile(asked, SEND.name) });
  }
  const refuse = (fault: string): never => {
    throw usageError([fault], SEND.name);
  };
  if (server === undefined || "fault" in server) {
    return refuse(server?.fault ?? "no server is named");
  }
  if (files.length === 0) return refuse("FILE is missing");
  if (asked.hostAsked || asked.addressFile !== undefined) {
    const flag = asked.hostAsked ? "--host" : "--address-file";
    return refuse(`the address before FILE and ${flag} name a server each`);
  }
  const named = withServer(asked, server, (fault) => refuse(`the address before FILE: ${fault}`));
  return mustFit({ ...asked, ...named, portInHost: false, files });
}

/** @throws {FxferError} `usage` if what was asked for does not go together. */
function mustFit(asked: SendArgs): SendArgs {
  if (!asked.allowV1 || !asked.tls) return asked;
  throw usageError(["--allow-v1 does not go with TLS, which version 1 servers lack"], SEND.name);
}

function isKey(text: string): boolean {
  try {
    parseKey(text);
    return true;
  } catch {
    return false;
  }
}

/** Checks the flags of `fxfer send`. @throws {FxferError} `usage` with every fault at once. */
export function readSendArgs(args: ParsedArgs): SendArgs {
  const server = readServerFlags(args);
  const mode = args.word("mode", MODES) ?? "auto";
  const digits = (text: string) => /^\d{1,4}$/.test(text) ? Number(text) : undefined;
  const retries = args.read("retries", "whole number 0 to 9999", digits) ?? DEFAULT_RETRIES;
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
  if (new TextEncoder().encode(name).length > MAX_COMPONENT_BYTES) {
    args.reject("--name", `a name of at most ${MAX_COMPONENT_BYTES} bytes`, name!);
  }
  const mediaType = (text: string) => MEDIA_TYPE.test(text) ? text : undefined;
  const type = args.read("type", "a media type such as image/png", mediaType);
  if (files.filter((file) => file === STDIN).length > 1) {
    args.fault("- is standard input and can be sent once");
  }
  if (files.includes("")) args.fault("FILE is empty");
  const key = args.text("key");
  // The fault does not repeat the text, which may be most of a secret.
  if (key !== undefined && !isKey(key)) args.fault("--key: wanted fxfer_<name>_<43 characters>");
  const keyFile = args.text("key-file");
  if (key !== undefined && keyFile !== undefined) {
    args.fault("--key and --key-file name a key each");
  }
  if (key === undefined && keyFile === undefined && args.has("mac")) {
    args.fault("--mac needs a key");
  }
  if (args.has("allow-v1") && (args.has("key") || keyFile !== undefined)) {
    args.fault("--allow-v1: version 1 has no keys");
  }
  if (keyFile === STDIN && files.includes(STDIN)) args.fault("standard input can be read once");
  args.mustBeRight();

  return omitUndefined({
    ...server,
    ...{ key, keyFile, mac: args.has("mac") },
    ...{ files, mode, name, type, retries, trust, limitRate, recursive },
    allowV1: args.has("allow-v1"),
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
