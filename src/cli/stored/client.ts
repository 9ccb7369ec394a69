/** The client of `fxfer ls`, `get` and `rm`: connected, and known to be allowed what it is for. @module */
import { type Client, type ClientEvent, connect, type StoredName } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import type { FileInfo } from "../../protocol/mod.ts";
import { clientOptions, mustListen, mustReach, type ServerArgs } from "../server_args.ts";

/** What a client may be for: a feature, and what the server calls the right to it (S-FEA-2). */
const RIGHTS = { list: "list", fetch: "get", remove: "remove" } as const;
export type Purpose = keyof typeof RIGHTS;

/** What is done, in words. */
const ACTIONS: Readonly<Record<Purpose, string>> = {
  list: "list files",
  fetch: "fetch files",
  remove: "remove files",
};

/** How to connect. */
export interface StoredOptions {
  /** The command's name. */
  readonly command: string;
  readonly purpose: Purpose;
  readonly signal: AbortSignal;
  /** Bytes a second at most; absent for no limit. */
  readonly limitRate?: number;
  readonly onEvent?: (event: ClientEvent) => void;
}

/**
 * Connects. What only reads needs no session; a removal gets one, because only in a session it is done
 * exactly once.
 *
 * @throws {FxferError} `unsupported_feature` or `forbidden` if the server says that it is of no use.
 */
export async function openClient(
  asked: ServerArgs,
  { command, purpose, signal, ...more }: StoredOptions,
): Promise<Client> {
  const { host, port, portInHost } = asked;
  const server = { hostname: host, port };
  const options = await clientOptions(asked);
  await mustReach(server);
  if (portInHost) await mustListen(server, signal, command);
  const open = (mode: "stateless" | "auto") => connect({ ...options, signal, mode, ...more });
  const client = await (purpose === "remove" ? open("auto") : open("stateless").catch((error) => {
    // A server may serve sessions only.
    if (error instanceof FxferError && error.code === "mode_not_allowed") return open("auto");
    throw error;
  }));
  try {
    mustBeAllowed(client, purpose);
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether the server offers something to this client, as far as it says so. */
export function isAllowed({ terms }: Client, purpose: Purpose): boolean {
  const { features = [], may } = terms ?? {};
  return features.includes(purpose) && (may?.includes(RIGHTS[purpose]) ?? true);
}

/** @throws {FxferError} `unsupported_feature` or `forbidden`. */
export function mustBeAllowed(client: Client, purpose: Purpose): void {
  if (isAllowed(client, purpose)) return;
  const what = `Cannot ${ACTIONS[purpose]}: the server`;
  if (!client.terms?.features.includes(purpose)) {
    throw new FxferError("unsupported_feature", `${what} does not offer it (is it an older one?)`);
  }
  const how = "its setting security.anonymous, or the key's rights, say who may";
  throw new FxferError("forbidden", `${what} does not allow it to this client (${how})`);
}

/**
 * The file that a user means: the one with this path, as the server has said it, or the newest of this
 * name. A path goes before a name, because anyone may give any name to a file.
 */
export async function findStored(client: Client, operand: string): Promise<FileInfo | undefined> {
  if (isAllowed(client, "fetch")) {
    const ask = (file: StoredName) => client.stored(file).catch(unlessUnfit);
    const [byPath, byName] = await Promise.all([ask({ path: operand }), ask({ name: operand })]);
    return byPath ?? byName;
  }
  // Who may not read may still look the name up in a list.
  mustBeAllowed(client, "list");
  try {
    for await (const file of client.list({ name: operand, pageSize: 1 })) return file;
  } catch (error) {
    return unlessUnfit(error);
  }
  return undefined;
}

/** A text that cannot be a name or a path names nothing. */
function unlessUnfit(error: unknown): undefined {
  if (error instanceof RangeError) return undefined;
  if (error instanceof FxferError && error.code === "invalid_field") return undefined;
  throw error;
}

/** There is no such file. */
export function notThere(operand: string, hint = ""): FxferError {
  return new FxferError("not_found", `Cannot find ${operand}: the server has no such file${hint}`);
}
