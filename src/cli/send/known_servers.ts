/**
 * What servers have stated at an earlier time, so that a command need not wait for it again (S-CON-9). It is
 * a file in the state folder, and only a hint: a server whose terms have changed says so. A command leaves no
 * folder behind, so the file is kept only in a folder that somebody made for it: one that has the file already,
 * or is empty.
 *
 * @module
 */
import { type Endpoint, formatEndpoint } from "../../address.ts";
import type { Terms } from "../../client/mod.ts";
import { readable, writable } from "../local.ts";

/** The file's name. */
export const KNOWN_SERVERS = "send_servers.json";

/** So many servers are remembered, the last ones. */
const MAX_SERVERS = 64;

/** The terms that frames are made by. */
type KnownTerms = Omit<Terms, "may" | "quota" | "challenge">;

/** The servers that are known in one state folder. */
export class KnownServers {
  readonly #path: string;
  /** By their addresses, the last one that was spoken to at the end; undefined where nothing is kept. */
  readonly #servers: Map<string, KnownTerms> | undefined;

  private constructor(path: string, servers: Map<string, KnownTerms> | undefined) {
    this.#path = path;
    this.#servers = servers;
  }

  /** Reads the file, or makes it in an empty folder; to be called before a journal is made. Never rejects. */
  static async open(folder: string): Promise<KnownServers> {
    const path = `${folder}/${KNOWN_SERVERS}`;
    const mayKeep = await readable(folder) && await writable(folder);
    const names = mayKeep ? await namesIn(folder) : undefined;
    if (names?.includes(KNOWN_SERVERS)) return new KnownServers(path, await read(path));
    const known = new KnownServers(path, names?.length === 0 ? new Map() : undefined);
    await known.#write(); // a folder that stays empty would be removed with the journal
    return known;
  }

  /** The terms that a server has stated at an earlier time. */
  termsOf(server: Endpoint): Terms | undefined {
    return this.#servers?.get(formatEndpoint(server));
  }

  /** Remembers the terms that a server has stated. Never rejects: the next command then waits again. */
  async keep(
    server: Endpoint,
    { may: _1, quota: _2, challenge: _3, ...terms }: Terms,
  ): Promise<void> {
    const servers = this.#servers;
    if (servers === undefined) return;
    const address = formatEndpoint(server);
    if (JSON.stringify(servers.get(address)) === JSON.stringify(terms)) return;
    servers.delete(address);
    servers.set(address, terms);
    await this.#write();
  }

  async #write(): Promise<void> {
    if (this.#servers === undefined) return;
    const kept = Object.fromEntries([...this.#servers].slice(-MAX_SERVERS));
    const temporary = `${this.#path}.${crypto.randomUUID().slice(0, 8)}`;
    try {
      // Another command may write at the same time: the file is replaced whole.
      await Deno.writeTextFile(temporary, JSON.stringify(kept), { createNew: true, mode: 0o600 });
      await Deno.rename(temporary, this.#path);
    } catch {
      await Deno.remove(temporary).catch(() => {});
    }
  }
}

async function namesIn(folder: string): Promise<string[] | undefined> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => undefined);
  return entries?.map(({ name }) => name);
}

async function read(path: string): Promise<Map<string, KnownTerms>> {
  try {
    const servers: unknown = JSON.parse(await Deno.readTextFile(path));
    const entries = Object.entries(servers as Record<string, unknown>).slice(-MAX_SERVERS);
    return new Map(entries.filter((entry): entry is [string, KnownTerms] => isTerms(entry[1])));
  } catch {
    return new Map();
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Whether what stands in the file can be terms: somebody may have changed it. */
function isTerms(value: unknown): value is KnownTerms {
  if (typeof value !== "object" || value === null) return false;
  const { keepaliveS, sessionExpiryS, partialExpiryS, maxInflight, limits, features, server, mac } =
    value as Record<string, unknown>;
  const { maxRequestSize, maxUploadSize, checkpointBytes } = Object(limits);
  const counts = [keepaliveS, sessionExpiryS, partialExpiryS, maxInflight];
  return [...counts, maxRequestSize, maxUploadSize, checkpointBytes].every(isCount) &&
    (keepaliveS as number) > 0 && (maxInflight as number) > 0 && maxRequestSize > 0 &&
    Array.isArray(features) && features.every((feature) => typeof feature === "string") &&
    typeof server === "object" && server !== null && typeof mac === "boolean";
}
