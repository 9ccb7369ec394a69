/**
 * The checks of `fxfer doctor`: the runtime, permissions, open files and the port, the storage folder,
 * and the session store. Each check says what it found. No check starts anything or leaves anything changed.
 *
 * @module
 */
import { formatEndpoint } from "../../address.ts";
import { settle, stateFolder } from "../../app/mod.ts";
import { type Config, parseRedisUrl, type RedisAddress } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { checkIndex } from "../../storage/index_check.ts";
import { count, formatBytes } from "../../text.ts";
import { reachable, readable, writable } from "../local.ts";
import { checkAccess } from "./access.ts";
import { checkCertificate } from "./certificate.ts";
import { checkEviction } from "./eviction.ts";
import { type Finding, note, ok, problem } from "./finding.ts";
import { isOlder, OLDEST_DENO, unfitRuntime } from "../version.ts";

export function checkRuntime(version: string): Finding {
  const unfit = unfitRuntime(version);
  if (unfit !== undefined) return problem(unfit);
  if (!isOlder(version)) return ok(`Deno ${version}`);
  return note(`Deno ${version} is older than what fxfer is tested with`, `use ${OLDEST_DENO}`);
}

/** What the sandbox allows, and what the server cannot do in it. */
async function checkPermissions({ server, storage }: Config): Promise<Finding[]> {
  const { path } = storage;
  const ports = await Promise.all(portsOf(server).map((port) => reachable(server.host, port)));
  const net = ports.every((may) => may);
  const [write, read] = await Promise.all([
    writable(path),
    readable(path),
  ]);
  const found: Finding[] = [];
  if (!net) found.push(problem(`listening on ${server.host} is not permitted`, "add --allow-net"));
  if (!write) {
    found.push(problem(`writing to ${path} is not permitted`, `add --allow-write=${path}`));
  } else if (read) {
    found.push(ok(`tier RW: ${path} may be written and read`));
  } else {
    found.push(note(
      `tier W: ${path} may be written, not read. A partial file is resumed only while the server ` +
        "lives, sessions are kept in memory or redis only, and only commits.jsonl tells whole files from others",
      `--allow-read=${path} lifts this`,
    ));
  }
  return found;
}

/** Handles a connection needs at once: its socket, and the file it writes. */
const PER_CONNECTION = 2;
/** Handles of the program itself: manifest, store, standard streams, the runtime's own. */
const OWN = 64;

/** Whether the system's limit of open files fits `max_connections`. */
async function checkOpenFiles({ server }: Config): Promise<Finding[]> {
  const wanted = server.max_connections * PER_CONNECTION + OWN;
  const limit = await openFileLimit();
  if (limit === undefined) {
    return [note(`limit unknown; up to ${wanted} are needed`, "see ulimit -n")];
  }
  if (limit >= wanted) return [ok(`${limit} allowed, up to ${wanted} needed`)];
  return [problem(
    `${limit} allowed, up to ${wanted} needed for ${server.max_connections} connections`,
    `ulimit -n ${wanted}, or a smaller server.max_connections`,
  )];
}

/** The soft limit as Linux shows it; undefined where it cannot be read. */
async function openFileLimit(): Promise<number | undefined> {
  const path = "/proc/self/limits";
  if (!await readable(path)) return undefined;
  try {
    const text = await Deno.readTextFile(path);
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(text) ?? [];
    return soft === undefined ? undefined : soft === "unlimited" ? Infinity : Number(soft);
  } catch {
    return undefined;
  }
}

/** The ports that a server of this configuration listens on. */
function portsOf({ port, tls }: Config["server"]): number[] {
  return [port, tls.certificate === "off" ? "off" as const : tls.port].filter((each) =>
    each !== "off"
  );
}

async function checkPorts({ server }: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const port of portsOf(server)) found.push(await checkPort(server.host, port));
  return found;
}

async function checkPort(host: string, port: number): Promise<Finding> {
  if (port === 0) return ok("0: a free one is picked at the start");
  if (!await reachable(host, port)) return note("not looked at: no permission");
  try {
    Deno.listen({ hostname: host, port }).close();
    return ok(`${host}:${port} is free`);
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse
      ? problem(`${host}:${port} is in use`, "stop what listens there, or --port 0")
      : problem(`${host}:${port} cannot be listened on: ${reasonOf(error)}`);
  }
}

/** Only this many entries are looked at. */
const MAX_ENTRIES = 100_000;
/** At most this many of the entries that fxfer never makes are named. */
const MAX_NAMED = 5;

/** Looks at the folder, and writes a file into it that is removed at once. */
async function checkStorage({ storage: { path } }: Config): Promise<Finding[]> {
  if (!await writable(path)) return [];
  const found: Finding[] = [];
  if (await readable(path)) {
    try {
      const info = await Deno.lstat(path);
      if (info.isSymlink) found.push(note(`${path} is a symlink: files go where it leads`));
      else if (!info.isDirectory) return [problem(`${path} is no folder`)];
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return [problem(`${path}: ${reasonOf(error)}`)];
      return [ok(`${path} is not there yet: the server makes it`)];
    }
    found.push(...await checkEntries(path));
  }
  return [...found, await tryWriting(path)];
}

async function tryWriting(path: string): Promise<Finding> {
  const probe = `${path}/.doctor_${crypto.randomUUID()}`;
  try {
    (await Deno.open(probe, { write: true, createNew: true })).close();
    await Deno.remove(probe);
    return ok(`${path} can be written`);
  } catch (error) {
    // Without permission to read, a missing folder and a locked one look the same.
    return problem(`${path} cannot be written: ${reasonOf(error)}`);
  }
}

/** Whether the index fits the manifest. It is never a problem: a server builds anew what does not fit. */
async function checkStorageIndex(config: Config): Promise<Finding[]> {
  const state = stateFolder(config);
  if (!await readable(state)) return [];
  const index = await checkIndex(state);
  if (index === undefined) return [];
  if ("reason" in index) return [note(`${index.reason}; the server builds it anew`)];
  const behind = index.behind > 0 ? `, and ${formatBytes(index.behind)} of lines to be read` : "";
  return [ok(`${count(index.files, "file")}${behind}`)];
}

/** Looks for symlinks, FIFOs and the like: fxfer never makes any, so somebody else put them there. */
async function checkEntries(root: string): Promise<Finding[]> {
  const odd: string[] = [];
  let left = MAX_ENTRIES;
  const walk = async (below: string, depth: number): Promise<void> => {
    for await (const { name, isDirectory, isFile, isSymlink } of Deno.readDir(`${root}${below}`)) {
      if (left-- <= 0) return;
      const path = `${below}/${name}`;
      if (isSymlink) odd.push(`${path.slice(1)} (symlink)`);
      else if (isDirectory) {
        if (depth > 0) await walk(path, depth - 1);
      } else if (!isFile) odd.push(`${path.slice(1)} (FIFO, socket or device)`);
    }
  };
  try {
    await walk("", 1);
  } catch (error) {
    return [problem(`${root} cannot be listed: ${reasonOf(error)}`)];
  }
  if (odd.length === 0) return [];
  const more = odd.length > MAX_NAMED ? ` and ${odd.length - MAX_NAMED} more` : "";
  return [problem(
    `not fxfer's: ${odd.slice(0, MAX_NAMED).join(", ")}${more}`,
    "they are never followed; find out who put them there and remove them",
  )];
}

/** How long a Redis may take to connect and answer. */
const TIMEOUT_MS = 2000;

/** Whether the store of this configuration can be used. */
async function checkStore(asked: Config): Promise<Finding[]> {
  const config = await settle(asked);
  const { server, stateful } = config;
  if (server.mode === "stateless") return [ok("none: server.mode is stateless")];
  switch (stateful.persistence) {
    case "memory":
      return [note(
        "in memory: they are forgotten when the server stops",
        ...asked.stateful.persistence === "auto"
          ? [`--allow-read=${stateFolder(config)} keeps them in sqlite`]
          : [],
      )];
    case "sqlite": {
      const state = stateFolder(config);
      if (await readable(state)) return [ok(`in ${state}/${stateful.sqlite_file}`)];
      return [problem(
        `sqlite needs to read ${state}`,
        `add --allow-read=${state}, or persistence memory or redis`,
      )];
    }
    case "redis": {
      // The URL was checked together with the rest of the configuration.
      const { nodes, tls } = parseRedisUrl(stateful.redis_url)!;
      const found: Finding[] = [];
      for (const node of nodes) found.push(await checkNode(node, tls));
      if (found.some(({ level }) => level === "ok")) {
        found.push(await checkEviction(stateful.redis_url));
      }
      return found;
    }
  }
}

/** Sends PING without the password. A server, node or Sentinel answers even if it wants a password first. */
async function checkNode({ host: hostname, port }: RedisAddress, tls: boolean): Promise<Finding> {
  const where = `redis at ${formatEndpoint({ hostname, port })}`;
  if (!await reachable(hostname, port)) {
    return problem(`${where}: connecting is not permitted`, "add --allow-net");
  }
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    using conn = await Deno.connect({ hostname, port, signal: timeout });
    // A server that expects TLS would take a plain PING for a broken handshake.
    if (tls) return ok(`${where} accepts connections`);
    const close = () => conn.close();
    timeout.addEventListener("abort", close);
    using ended = new DisposableStack();
    ended.defer(() => timeout.removeEventListener("abort", close));
    await conn.write(new TextEncoder().encode("PING\r\n"));
    const buffer = new Uint8Array(64);
    const count = await conn.read(buffer) ?? 0;
    const answer = new TextDecoder().decode(buffer.subarray(0, count));
    return /^(\+PONG|-NOAUTH)/.test(answer)
      ? ok(`${where} answers`)
      : problem(`${where} is no Redis server`);
  } catch (error) {
    return problem(
      `${where} cannot be reached: ${timeout.aborted ? "no answer" : reasonOf(error)}`,
      "until it is there, only stateless requests and clients with a fallback are served",
    );
  }
}

/** The checks of a configuration, in the order of the output. */
export const CHECKS: Readonly<Record<string, (config: Config) => Promise<Finding[]>>> = {
  permissions: checkPermissions,
  storage: checkStorage,
  index: checkStorageIndex,
  "open files": checkOpenFiles,
  port: checkPorts,
  certificate: checkCertificate,
  access: checkAccess,
  sessions: checkStore,
};
