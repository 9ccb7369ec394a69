/**
 * Faults in the file calls of src/storage: a full disk, a disk that fails, and one that stands still.
 *
 * The file functions of Deno, the methods of its open files, and those of node:fs (file_faults_node.ts) are
 * wrapped. A call from src/storage is known by its *site*, the file and line that it stands in, and one site
 * at a time can be told to fail. Calls from anywhere else are handed on.
 *
 * @module
 */

/** What a disk does. */
export type Fault = "ENOSPC" | "EIO" | "stall";

/** Which call fails, and how. */
export interface Order {
  readonly fault: Fault;
  /** `disk.ts:172` */
  readonly site: string;
  /** The first, the second … call of this site from now on. */
  readonly nth: number;
  /** Whether the disk stays so until it is healed; else one call fails. */
  readonly lasting: boolean;
  /** A site whose next call fails as well, once the first one has. */
  readonly then?: string | undefined;
  /** Whether half of the bytes are written before a write fails. */
  readonly half: boolean;
}

/** How long a stall is, in milliseconds. */
export const STALL_MS = 3000;

/** Functions of Deno by which src/storage touches the disk. */
export const DENO_CALLS: readonly string[] = (
  "open openSync readFileSync writeFile writeFileSync copyFile mkdirSync renameSync removeSync chmodSync " +
  "lstat lstatSync readDir readDirSync"
).split(" ");

/** Methods of an open file. What is left out: locks and `close`, which do not reach the disk. */
export const FILE_CALLS: readonly string[] = (
  "read readSync write writeSync seekSync truncate truncateSync statSync sync syncData " +
  "syncDataSync"
).split(" ");

/** Calls that need room on the disk. */
const TAKES_ROOM =
  /^(write|writeSync|writeFile|writeFileSync|copyFile|mkdirSync|renameSync|sync|syncData|syncDataSync|fsyncSync)$/;

/** Calls that find the disk full on a system that has no room left for anything. */
const TAKES_ROOM_FOR_CERTAIN = /^(write|writeSync|writeFile|writeFileSync|copyFile|mkdirSync)$/;

/** Calls that never tell a failure: they answer false. */
const SILENT = new Set(["existsSync"]);

const ERRORS = {
  ENOSPC: "No space left on device (os error 28)",
  EIO: "Input/output error (os error 5)",
} as const;

// deno-lint-ignore no-explicit-any
type Call = (...args: any[]) => any;

let order: Order | undefined;
let left = 0;
let broken = false;
let next: string | undefined;
let hits = 0;
const sites = new Map<string, string>();

/** The next call of the site fails. */
export function arm(given: Order): void {
  [order, left, broken, hits, next] = [given, given.nth, false, 0, given.then];
}

/** The disk is well again. Returns how many calls have failed or stood still. */
export function heal(): number {
  order = undefined;
  return hits;
}

/** The sites that were called since this was asked last, and which function each of them calls. */
export function reached(): [site: string, name: string][] {
  const all = [...sites];
  sites.clear();
  return all;
}

/** Whether a call can meet this fault. */
export function canMeet(name: string, fault: Fault): boolean {
  return fault === "stall" || !SILENT.has(name) &&
      (fault === "EIO" || TAKES_ROOM.test(name) || name.startsWith("open"));
}

/** Wraps a function. @param bytesOf Where a write has its bytes. */
export function watch(name: string, call: Call, bytesOf?: (args: unknown[]) => Uint8Array): Call {
  return function (this: unknown, ...args) {
    const site = siteOf(new Error().stack);
    if (site === undefined) return call.apply(this, args);
    sites.set(site, name);
    const fault = meets(site, name, args);
    if (fault === undefined) return call.apply(this, args);
    hits++;
    const now = name.endsWith("Sync") || name === "readDir";
    if (fault === "stall") {
      if (!now) return pause().then(() => call.apply(this, args));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
      return call.apply(this, args);
    }
    const error = () => Object.assign(new Error(ERRORS[fault]), { code: fault });
    const bytes = order!.half ? bytesOf?.(args) : undefined;
    if (bytes === undefined || bytes.length < 2) {
      if (now) throw error();
      return Promise.reject(error());
    }
    const half = args.map((arg) => arg === bytes ? bytes.subarray(0, bytes.length >> 1) : arg);
    const done = call.apply(this, half);
    if (name === "write" || name === "writeSync") return done; // a short count, as the system gives it
    if (now) throw error();
    return done.then(() => Promise.reject(error()));
  };
}

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, STALL_MS));

/** The innermost line of src/storage in a stack. */
function siteOf(stack = ""): string | undefined {
  const match = /\/src\/storage\/(\w+\.ts:\d+):/.exec(stack);
  return match?.[1];
}

function meets(site: string, name: string, args: readonly unknown[]): Fault | undefined {
  if (order === undefined || SILENT.has(name) && order.fault !== "stall") return undefined;
  const { fault, lasting } = order;
  if (!broken) {
    if (order.site !== site || --left > 0 || !opensNew(name, fault, args)) return undefined;
    broken = true;
    return fault;
  }
  if (fault === "stall") return undefined;
  if (next === site && opensNew(name, fault, args)) {
    next = undefined;
    return fault;
  }
  if (!lasting) return undefined;
  if (fault === "EIO" || order.site === site) {
    return opensNew(name, fault, args) ? fault : undefined;
  }
  const isFull = TAKES_ROOM_FOR_CERTAIN.test(name) || name.startsWith("open");
  return isFull && opensNew(name, fault, args) ? fault : undefined;
}

/** A full disk keeps nobody from opening what is there. */
function opensNew(name: string, fault: Fault, args: readonly unknown[]): boolean {
  if (fault !== "ENOSPC" || !name.startsWith("open")) return true;
  const how = args[1];
  return typeof how === "number" ||
    (how as Deno.OpenOptions | undefined)?.create === true ||
    (how as Deno.OpenOptions | undefined)?.createNew === true;
}

/** Wraps what Deno has. To be called once, in a program of its own. */
export function watchDeno(): void {
  const first = (args: unknown[]) => args[0] as Uint8Array;
  const second = (args: unknown[]) => args[1] as Uint8Array;
  const all = Deno as unknown as Record<string, Call>;
  for (const name of DENO_CALLS) {
    all[name] = watch(name, all[name]!, name.startsWith("writeFile") ? second : undefined);
  }
  const methods = Deno.FsFile.prototype as unknown as Record<string, Call>;
  for (const name of FILE_CALLS) {
    methods[name] = watch(name, methods[name]!, name.startsWith("write") ? first : undefined);
  }
}
