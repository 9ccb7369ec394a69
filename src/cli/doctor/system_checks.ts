/** Checks of what the program runs on and may do: runtime, permissions, open files, port. @module */
import type { Config } from "../../config/mod.ts";
import { reasonOf } from "../../errors.ts";
import { reachable, readable, writable } from "../local.ts";
import { isOlder, OLDEST_DENO, unfitRuntime } from "../version.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** The version of Deno. */
export function checkRuntime(version: string): Finding {
  const unfit = unfitRuntime(version);
  if (unfit !== undefined) return problem(unfit);
  if (!isOlder(version)) return ok(`Deno ${version}`);
  return note(`Deno ${version} is older than what fxfer is tested with`, `use ${OLDEST_DENO}`);
}

/** What the sandbox allows, and what that gives up. */
export async function checkPermissions({ server, storage }: Config): Promise<Finding[]> {
  const { path } = storage;
  const [net, write, read] = await Promise.all([
    reachable(server.host, server.port),
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
        "lives, sessions cannot be kept in sqlite, and only commits.jsonl tells whole files from others",
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
export async function checkOpenFiles({ server }: Config): Promise<Finding[]> {
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

/** Whether the port is free. */
export async function checkPort({ server: { host, port } }: Config): Promise<Finding[]> {
  if (port === 0) return [ok("0: a free one is picked at the start")];
  if (!await reachable(host, port)) return [note("not looked at: no permission")];
  try {
    Deno.listen({ hostname: host, port }).close();
    return [ok(`${host}:${port} is free`)];
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse
      ? [problem(`${host}:${port} is in use`, "stop what listens there, or --port 0")]
      : [problem(`${host}:${port} cannot be listened on: ${reasonOf(error)}`)];
  }
}
