/** Which server a command speaks to: the flags, and the operand before the others. @module */
import { type Endpoint, formatEndpoint, parseEndpoint, parseHost } from "../address.ts";
import { DEFAULT_RETRIES } from "../client/mod.ts";
import { SETTINGS } from "../config/mod.ts";
import { parseKey } from "../keys/mod.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { unlessAborted, within } from "../within.ts";
import { type OptionSpec, type ParsedArgs, usageError } from "./args.ts";
import { readKeyFile } from "./key_file.ts";
import { localError, reachable } from "./local.ts";

/** The flags that name the server. */
export const SERVER_OPTIONS: Readonly<Record<"host" | "port", OptionSpec>> = {
  host: {
    value: "HOST",
    help: "The server's name or address, also with :PORT",
    setting: "server.host",
  },
  port: { value: "PORT", short: "p", help: "The server's TCP port", setting: "server.port" },
};

/** The flags of whoever has a key. */
export const KEY_OPTIONS: Readonly<Record<"key-file" | "key" | "mac", OptionSpec>> = {
  "key-file": { value: "FILE", help: "File with your key, mode 0600; - for standard input" },
  key: { value: "KEY", help: "Your key itself, which others on this machine can see" },
  mac: { help: "Ask for codes that show that no frame was changed; needs a key" },
};

/** The flag that says how often to try. */
export const RETRIES_OPTION: OptionSpec = {
  value: "N",
  help: `Tries after the first one that failed (default ${DEFAULT_RETRIES})`,
};

/** The server that a command line names. */
export interface ServerArgs {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Whether the user named the host with `--host`, and there the port too. */
  readonly hostAsked: boolean;
  readonly portInHost: boolean;
  /** Tries after the first. */
  readonly retries: number;
  /** The user's key; absent where it is in a file, or there is none. */
  readonly key?: string;
  readonly keyFile?: string;
  readonly mac: boolean;
}

/** A server as users write it. */
interface Server {
  readonly host: string;
  readonly port: number | undefined;
}

/** `HOST`, `HOST:PORT`, `[::1]` or `[::1]:PORT`, also after `fxfer://`; undefined for any other text. */
function readServer(text: string): Server | undefined {
  const bare = text.replace(/^fxfer:\/\/([^/]*)\/?$/i, "$1");
  const endpoint = parseEndpoint(bare);
  if (endpoint !== undefined) return { host: endpoint.hostname, port: endpoint.port };
  const host = parseHost(bare);
  return host === undefined ? undefined : { host, port: undefined };
}

/** Reads the flags; a fault is noted in the arguments. */
export function readServerArgs(args: ParsedArgs): ServerArgs {
  const setting = (flag: string, path: string): unknown => {
    const { kind, default: standard } = SETTINGS.get(path)!;
    return args.read(flag, kind.wanted, kind.read) ?? standard;
  };
  const standard = { host: SETTINGS.get("server.host")!.default as string, port: undefined };
  const wanted = SETTINGS.get("server.host")!.kind.wanted;
  const server = args.read("host", wanted, readServer) ?? standard;
  const asked = setting("port", "server.port") as number;
  if (asked === 0) args.reject("--port", "the port of a server", "0");
  const { host, port = asked } = server;
  if (port !== asked && args.has("port")) args.fault("--host and --port name a port each");
  const digits = (text: string) => /^\d{1,4}$/.test(text) ? Number(text) : undefined;
  const retries = args.read("retries", "whole number 0 to 9999", digits) ?? DEFAULT_RETRIES;
  const key = args.text("key");
  const keyFile = args.text("key-file");
  // The fault does not repeat the text, which may be most of a secret.
  if (key !== undefined && !isKey(key)) args.fault("--key: wanted fxfer_<name>_<43 characters>");
  if (key !== undefined && keyFile !== undefined) {
    args.fault("--key and --key-file name a key each");
  }
  const mac = args.has("mac");
  if (key === undefined && keyFile === undefined && mac) args.fault("--mac needs a key");
  return omitUndefined({
    ...{ host, port, retries, key, keyFile, mac },
    hostAsked: args.has("host"),
    portInHost: server.port !== undefined,
  });
}

function isKey(text: string): boolean {
  try {
    parseKey(text);
    return true;
  } catch {
    return false;
  }
}

/** The key that a command line names; undefined for none. @throws {FxferError} If it cannot be read. */
export async function keyOf({ key, keyFile }: ServerArgs): Promise<string | undefined> {
  return key ?? (keyFile === undefined ? undefined : await readKeyFile(keyFile));
}

/** What {@linkcode withServerOperand} has to know of a command. */
interface OperandRules {
  /** Its name. */
  readonly command: string;
  /** What its operands are called. */
  readonly operand: string;
  /** How many operands it needs besides the server. */
  readonly least: number;
  /** Whether a text that may be a server is an operand of the other kind after all. */
  readonly isOther?: (text: string) => Promise<boolean>;
}

/**
 * Takes the server out of the operands, if the first one names it. `HOST:PORT` may also be the name of a
 * file, so it is only looked for before other operands where these are needed; `fxfer://` begins no name.
 *
 * @throws {FxferError} `usage` if it contradicts the flags, or names no server.
 */
export async function withServerOperand<T extends ServerArgs & { files: readonly string[] }>(
  asked: T,
  { command, operand, least, isOther = () => Promise.resolve(false) }: OperandRules,
): Promise<T> {
  const [first = "", ...files] = asked.files;
  const isUrl = /^fxfer:\/\//i.test(first);
  const server = readServer(first);
  const namesServer = isUrl || server !== undefined && /^\[.+\]$|:\d+$/.test(first);
  if (!namesServer || !isUrl && (files.length < least || await isOther(first))) return asked;
  const fault = server === undefined
    ? `${first} names no server`
    : files.length < least
    ? `${operand} is missing`
    : asked.hostAsked
    ? `${first} and --host name a server each`
    : undefined;
  if (fault !== undefined) throw usageError([fault], command);
  return { ...asked, files, host: server!.host, port: server!.port ?? asked.port };
}

/** @throws {FxferError} `local_io` if the program may not connect there. */
export async function mustReach({ hostname, port }: Endpoint): Promise<void> {
  if (await reachable(hostname, port)) return;
  const server = `${hostname}:${port}`;
  const reason = `it is not permitted (--allow-net=${server})`;
  throw localError(`connect to ${server}`, undefined, reason);
}

/** How long a server may take to be there before the client tries, in milliseconds. */
const LISTEN_MS = 2000;

/**
 * Looks whether anything listens at a port that stood in `--host`. If not, that is most likely a mistake
 * in the host, and no try later would help.
 *
 * @throws {FxferError} `usage`.
 */
export async function mustListen(
  server: Endpoint,
  signal: AbortSignal,
  command: string,
): Promise<void> {
  const connecting = Deno.connect(server);
  connecting.then((connection) => connection.close(), () => {});
  try {
    await within(LISTEN_MS, unlessAborted(connecting, signal));
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) return;
    const place = formatEndpoint(server);
    throw usageError([`--host: nothing listens at ${place} (is the server running?)`], command);
  }
}
