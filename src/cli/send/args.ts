/** `fxfer send`: its flags, checked. @module */
import { parseEndpoint } from "../../address.ts";
import { DEFAULT_RETRIES } from "../../client/mod.ts";
import { readBytes, SETTINGS } from "../../config/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import type { CommandSpec, ParsedArgs } from "../args.ts";

/** The operand that means standard input. */
export const STDIN = "-";

/** The form that a media type must have to stand in a header (S-FRM-5). */
export const MEDIA_TYPE: RegExp = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/** The folder of the journals, in the current folder; it is removed with its last journal. */
const DEFAULT_STATE = ".fxfer";

/** The words of --mode. */
const MODES = ["auto", "stateful", "stateless"] as const;

/** The flags of `fxfer send`. */
export const SEND: CommandSpec = {
  name: "send",
  summary: "Send files to a server",
  operands: { name: "FILE", min: 1, max: Infinity },
  options: {
    host: { value: "HOST", help: "The server's address", setting: "server.host" },
    port: { value: "PORT", short: "p", help: "The server's TCP port", setting: "server.port" },
    mode: {
      value: "MODE",
      words: MODES,
      help: "auto (a session, without one where the server offers none), stateful or stateless " +
        "(default auto)",
    },
    name: { value: "NAME", help: "Name to give to the server instead of the file's own" },
    type: { value: "TYPE", help: "Media type, such as image/png, instead of that of the name" },
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
    "limit-rate": { value: "RATE", help: "Bytes a second at most, such as 500k or 2MiB" },
    trace: { help: "Show what happens to the session, with the rule behind it" },
    json: { help: "Write events to standard output, one JSON object a line" },
    quiet: { short: "q", help: "Show errors only" },
  },
  details: [
    "FILE may be a pattern such as 'logs/**/*.txt', or - for standard input. A broken connection is " +
    "made again and the file goes on where the server has it; so does the same command after an " +
    "interruption or a crash.",
  ],
};

/** The arguments of `fxfer send`, checked. */
export interface SendArgs {
  readonly files: readonly string[];
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly mode: typeof MODES[number];
  readonly name?: string;
  /** `type/subtype`. */
  readonly type?: string;
  readonly allowV1: boolean;
  /** Tries after the first. */
  readonly retries: number;
  /** Servers the session may be followed to, as `host:port`. */
  readonly trust: readonly string[];
  /** Whether folders are sent. */
  readonly recursive: boolean;
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

/** Checks the flags of `fxfer send`. @throws {FxferError} `usage` with every fault at once. */
export function readSendArgs(args: ParsedArgs): SendArgs {
  const setting = (flag: string, path: string): unknown => {
    const { kind, default: standard } = SETTINGS.get(path)!;
    return args.read(flag, kind.wanted, kind.read) ?? standard;
  };
  const host = setting("host", "server.host") as string;
  const port = setting("port", "server.port") as number;
  if (port === 0) args.reject("--port", "the port of a server", "0");

  const mode = args.word("mode", MODES) ?? "auto";
  const digits = (text: string) => /^\d{1,4}$/.test(text) ? Number(text) : undefined;
  const retries = args.read("retries", "whole number 0 to 9999", digits) ?? DEFAULT_RETRIES;
  const rate = (text: string) => readBytes(text) || undefined;
  const limitRate = args.read("limit-rate", "bytes a second such as 500k", rate);

  const trust = args.list("trust");
  for (const server of trust) {
    if (parseEndpoint(server) === undefined) args.reject("--trust", "host:port", server);
  }

  const files = args.operands;
  const name = args.text("name");
  if (name !== undefined && files.length > 1) {
    args.fault("--name names one file, and there are several");
  }
  if (name === "") args.reject("--name", "a name", name);
  const mediaType = (text: string) => MEDIA_TYPE.test(text) ? text : undefined;
  const type = args.read("type", "a media type such as image/png", mediaType);
  if (files.filter((file) => file === STDIN).length > 1) {
    args.fault("- is standard input and can be sent once");
  }
  if (files.includes("")) args.fault("FILE is empty");
  args.mustBeRight();

  return omitUndefined({
    ...{ files, host, port, mode, name, type, retries, trust, limitRate },
    allowV1: args.has("allow-v1"),
    recursive: args.has("recursive"),
    state: args.text("state") ?? DEFAULT_STATE,
    stateAsked: args.has("state"),
    trace: args.has("trace"),
    json: args.has("json"),
    quiet: args.has("quiet"),
  });
}
