/**
 * The server that a client's command speaks to: the flags that name it, and addresses in their place. Every
 * command with `--host` takes them from here.
 *
 * @module
 */
import { parseEndpoint, parseHost } from "../address.ts";
import type { ConnectOptions } from "../client/mod.ts";
import { SETTINGS } from "../config/mod.ts";
import { FxferError, reasonOf } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { isPin, isServerUrl, parseServerUrl } from "../server_url.ts";
import { LATE, within } from "../within.ts";
import { type OptionSpec, type ParsedArgs, usageError } from "./args.ts";
import { cannot, localError, mustRead, whyUnreadable } from "./local.ts";

/** The flags. */
export const SERVER_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  host: {
    value: "HOST",
    help: "The server's name, address or fxfers:// address; a name also with :PORT",
    setting: "server.host",
  },
  port: { value: "PORT", short: "p", help: "The server's TCP port" },
  tls: { help: "Encrypt, and verify the server by its name" },
  pin: { value: "HEX", help: "Encrypt, and verify the server by the pin that it printed" },
  ca: {
    value: "FILE",
    multiple: true,
    help: "Encrypt, and trust this certificate of an authority, too",
  },
  "address-file": {
    value: "FILE",
    help: "Read the server's address from a file, or - for standard input",
  },
};

/** The server that the user named. */
export interface AskedServer {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Whether the user named the host by a flag, and there the port too. */
  readonly hostAsked: boolean;
  readonly portInHost: boolean;
  /** The port of `--port`. */
  readonly portFlag?: number;
  readonly tls: boolean;
  readonly pin?: string;
  /** Files with certificates of authorities. */
  readonly ca: readonly string[];
  /** The user's key, as text, and a file with it. */
  readonly key?: string;
  readonly keyFile?: string;
  /** Where the address stands; `-` is standard input. */
  readonly addressFile?: string;
}

/** A server as users write it. */
type Named = {
  readonly hostname: string;
  readonly port?: number;
  readonly tls: boolean;
  readonly key?: string;
  readonly pin?: string;
};

/** The ports of a server that is told no others. */
const portOf = (tls: boolean): number =>
  SETTINGS.get(tls ? "server.tls.port" : "server.port")!.default as number;

/**
 * A server as users write it: an address of its own, `HOST`, `HOST:PORT`, `[::1]` or `[::1]:PORT`.
 *
 * @returns Undefined, or for an address what is wrong with it. No fault repeats the text, which may hold a key.
 */
export function readServer(text: string): Named | { readonly fault: string } | undefined {
  if (isServerUrl(text)) return parseServerUrl(text);
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined) return { ...endpoint, tls: false };
  const hostname = parseHost(text);
  return hostname === undefined ? undefined : { hostname, tls: false };
}

/** Reads the flags; faults are noted in `args`. */
export function readServerFlags(args: ParsedArgs): AskedServer {
  const hostKind = SETTINGS.get("server.host")!.kind;
  const named = args.read("host", hostKind.wanted, readServer);
  const portKind = SETTINGS.get("server.port")!.kind;
  const port = args.read("port", "a port, 1 to 65535", (text) => {
    const value = portKind.read(text);
    return typeof value === "number" && value > 0 ? value : undefined;
  });
  const lowerPin = (text: string) => isPin(text.toLowerCase()) ? text.toLowerCase() : undefined;
  const pin = args.read("pin", "64 hex digits", lowerPin);
  const base: AskedServer = {
    host: SETTINGS.get("server.host")!.default as string,
    port: 0,
    hostAsked: args.has("host"),
    portInHost: false,
    tls: args.has("tls") || args.has("pin") || args.has("ca"),
    ca: args.list("ca"),
    ...omitUndefined({ portFlag: port, pin, addressFile: args.text("address-file") }),
  };
  if (base.hostAsked && base.addressFile !== undefined) {
    args.fault("--host and --address-file name a server each");
  }
  const fault = (text: string) => args.fault(`--host: ${text}`);
  if (named === undefined || !("fault" in named)) return withServer(base, named, fault);
  fault(named.fault);
  return base;
}

/** Puts a server that was named in the place of the one before. @param fault Called with what contradicts. */
export function withServer(
  asked: AskedServer,
  named: Named | undefined,
  fault: (text: string) => void,
): AskedServer {
  const tls = asked.tls || named?.tls === true;
  if (named?.port !== undefined && asked.portFlag !== undefined && named.port !== asked.portFlag) {
    fault("it and --port name a port each");
  }
  if (named?.pin !== undefined && asked.pin !== undefined && named.pin !== asked.pin) {
    fault("it and --pin name a pin each");
  }
  if (named?.key !== undefined && (asked.key ?? asked.keyFile) !== undefined) {
    fault(`it and ${asked.key === undefined ? "--key-file" : "--key"} name a key each`);
  }
  return {
    ...asked,
    tls,
    host: named?.hostname ?? asked.host,
    port: named?.port ?? asked.portFlag ?? portOf(tls),
    portInHost: named?.port !== undefined,
    ...omitUndefined({ pin: named?.pin ?? asked.pin, key: named?.key ?? asked.key }),
  };
}

/**
 * Reads the address of `--address-file`, if there is one. Of several lines, which `serve --share` writes for a
 * machine with several addresses, the first counts that a server accepts a connection at.
 *
 * @throws {FxferError} It cannot be used.
 */
export async function withAddressFile(asked: AskedServer, command: string): Promise<AskedServer> {
  const { addressFile: file } = asked;
  if (file === undefined) return asked;
  const text = (file === "-" ? await readInput() : await readPrivate(file)).trim();
  const refuse = (fault: string): never => {
    const source = file === "-" ? "standard input" : file;
    throw usageError([`--address-file: ${source}: ${fault}`], command);
  };
  const servers = text.split("\n").map((line) => {
    if (!isServerUrl(line.trim())) return refuse("it holds no address such as fxfers://… alone");
    const named = parseServerUrl(line);
    return "fault" in named ? refuse(named.fault) : withServer(asked, named, refuse);
  });
  return servers.length === 1 ? servers[0]! : await firstThere(servers);
}

/** How long a server may take to accept before the first one is taken as it is. */
const ACCEPT_MS = 3000;

async function firstThere(servers: readonly AskedServer[]): Promise<AskedServer> {
  const over = new AbortController();
  const tries = servers.map(async (server) => {
    const { host: hostname, port } = server;
    (await Deno.connect({ hostname, port, signal: over.signal })).close();
    return server;
  });
  const first = Promise.any(tries).catch(() => servers[0]!);
  const found = await within(ACCEPT_MS, first);
  over.abort();
  await Promise.allSettled(tries);
  return found === LATE ? servers[0]! : found;
}

async function readInput(): Promise<string> {
  if (Deno.stdin.isTerminal()) {
    throw localError("read address", undefined, "standard input is a terminal (add < FILE)");
  }
  return await new Response(Deno.stdin.readable).text();
}

/** A file that may hold a key: others must not be able to read it. */
async function readPrivate(file: string): Promise<string> {
  await mustRead(file);
  const text = await Deno.readTextFile(file).catch(cannot(`read ${file}`, whyUnreadable));
  const { mode } = await Deno.stat(file);
  if (!text.includes("@")) return text;
  const { mustBePrivate } = await import("../keys/mod.ts");
  try {
    mustBePrivate(mode, file);
    return text;
  } catch (cause) {
    throw new FxferError("unauthorized", reasonOf(cause), { cause });
  }
}

/** The options of `connect` for the server that the user named. @throws {FxferError} `local_io` by `--ca`. */
export async function connectOptions(
  { host: hostname, port, tls, pin, ca }: AskedServer,
): Promise<Pick<ConnectOptions, "hostname" | "port" | "tls">> {
  if (!tls) return { hostname, port };
  const caCerts = await Promise.all(ca.map(readAuthority));
  return { hostname, port, tls: { caCerts, ...omitUndefined({ pin }) } };
}

async function readAuthority(file: string): Promise<string> {
  await mustRead(file);
  const text = await Deno.readTextFile(file).catch(cannot(`read ${file}`, whyUnreadable));
  const { readCertificates } = await import("../tls/mod.ts");
  try {
    if (readCertificates(text).length > 0) return text;
  } catch (cause) {
    throw new FxferError("local_io", `Cannot use ${file}: ${reasonOf(cause)}`, { cause });
  }
  throw new FxferError("local_io", `Cannot use ${file}: there is no certificate in it (PEM)`);
}
