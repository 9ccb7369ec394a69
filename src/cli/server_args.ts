/**
 * What every command of a client takes: the flags of server_flags.ts, the user's key, the tries, and the
 * server as an operand before the others.
 *
 * @module
 */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { type ConnectOptions, DEFAULT_RETRIES } from "../client/mod.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { isServerUrl } from "../server_url.ts";
import { unlessAborted, within } from "../within.ts";
import { type OptionSpec, type ParsedArgs, usageError } from "./args.ts";
import { localError, reachable } from "./local.ts";
import {
  type AskedServer,
  connectOptions,
  readServer,
  readServerFlags,
  withAddressFile,
  withServer,
} from "./server_flags.ts";

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

/** The operand that means standard input. */
const STDIN = "-";

/** The server, and how to speak to it. */
export interface ServerArgs extends AskedServer {
  /** Tries after the first. */
  readonly retries: number;
  readonly mac: boolean;
}

/** Reads the flags; a fault is noted in the arguments. */
export function readServerArgs(args: ParsedArgs): ServerArgs {
  const server = readServerFlags(args);
  const digits = (text: string) => /^\d{1,4}$/.test(text) ? Number(text) : undefined;
  const retries = args.read("retries", "whole number 0 to 9999", digits) ?? DEFAULT_RETRIES;
  const key = args.text("key");
  const keyFile = args.text("key-file");
  if (key !== undefined && keyFile !== undefined) {
    args.fault("--key and --key-file name a key each");
  }
  const mac = args.has("mac");
  const mayHaveKey = key ?? keyFile ?? server.key ?? server.addressFile;
  if (mayHaveKey === undefined && mac && args.operands.every((text) => !isServerUrl(text))) {
    args.fault("--mac needs a key");
  }
  return { ...server, ...omitUndefined({ key: key ?? server.key, keyFile }), retries, mac };
}

/** Checks a key in an argument. @throws {FxferError} `usage`, without the text: it may be most of a secret. */
async function mustBeKey(text: string, command: string): Promise<void> {
  const { parseKey } = await import("../keys/mod.ts");
  try {
    parseKey(text);
  } catch {
    throw usageError(["--key: wanted fxfer_<name>_<43 characters>"], command);
  }
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
 * Takes the server out of the operands, if the first one names it, or reads it from a file. `HOST:PORT` may
 * also be the name of a file, so it is taken for a server only where enough operands follow; an address such
 * as `fxfers://HOST` is no name.
 *
 * @throws {FxferError} `usage` if it contradicts the flags, or names no server.
 */
export async function withServerOperand<T extends ServerArgs & { files: readonly string[] }>(
  asked: T,
  { command, operand, least, isOther = () => Promise.resolve(false) }: OperandRules,
): Promise<T> {
  const { addressFile, keyFile, files: operands } = asked;
  if ([addressFile, keyFile, ...operands].filter((each) => each === STDIN).length > 1) {
    throw usageError(["- is standard input, which can be read once"], command);
  }
  if (asked.key !== undefined) await mustBeKey(asked.key, command);
  const [first = "", ...files] = asked.files;
  const isUrl = isServerUrl(first);
  if (files.some(isServerUrl)) {
    throw usageError([`a server's address stands before ${operand}, and only once`], command);
  }
  const server = readServer(first);
  const namesServer = isUrl || server !== undefined && /^\[.+\]$|:\d+$/.test(first);
  if (!namesServer || !isUrl && (files.length < least || await isOther(first))) {
    return { ...asked, ...await withAddressFile(asked, command) };
  }
  const refuse = (fault: string): never => {
    throw usageError([fault], command);
  };
  if (server === undefined || "fault" in server) {
    return refuse(server?.fault ?? "no server is named");
  }
  if (files.length < least) return refuse(`${operand} is missing`);
  if (asked.hostAsked || asked.addressFile !== undefined) {
    const flag = asked.hostAsked ? "--host" : "--address-file";
    return refuse(`the address before ${operand} and ${flag} name a server each`);
  }
  const what = `the address before ${operand}`;
  const named = withServer(asked, server, (fault) => refuse(`${what}: ${fault}`));
  return { ...asked, ...named, portInHost: false, files };
}

/** The options of `connect`. @throws {FxferError} If a file of the user cannot be used. */
export async function clientOptions(
  asked: ServerArgs,
): Promise<Pick<ConnectOptions, "hostname" | "port" | "tls" | "key" | "wantMac" | "retries">> {
  const { retries, keyFile } = asked;
  const key = asked.key ??
    (keyFile === undefined
      ? undefined
      : await (await import("./key_file.ts")).readKeyFile(keyFile));
  const wantMac = asked.mac ? true : undefined;
  return { ...await connectOptions(asked), retries, ...omitUndefined({ key, wantMac }) };
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
