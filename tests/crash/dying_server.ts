/**
 * A server that kills or stops itself at one step of a commit: a program of the tests in this folder.
 *
 * Its argument is a {@linkcode Dying} as JSON; it writes its port as a line. The seams are the
 * contracts themselves: a store and a storage that hand on every call, and the flushes of the disk.
 *
 * @module
 */
import { serve } from "../../src/server/mod.ts";
import type { SessionRecord } from "../../src/session/mod.ts";
import {
  DiskStorage,
  type FileSpec,
  type FileStorage,
  type MayPublish,
  type Upload,
} from "../../src/storage/mod.ts";
import type { SessionStore } from "../../src/store/mod.ts";
import { inRedis, inSqlite } from "../helpers/instances.ts";

/** The steps of a commit, in their order. */
export const STEPS = [
  "inside the payload",
  "before the intent",
  "after the intent",
  "after the final name",
  "after the manifest line",
  "after the publication",
  "after the commit",
] as const;

/** The steps of a small file that no intent announces, which takes level `process`. */
export const NOTED_STEPS = [
  "before the note",
  "after the note",
  "after the final name",
  "after the manifest line",
  "after the publication",
  "after the commit",
] as const;

/** A step of either way. */
export type Step = typeof STEPS[number] | typeof NOTED_STEPS[number];

/** What the program is told. */
export interface Dying {
  readonly step: Step;
  readonly folder: string;
  /** Level `process` stores small files without an intent. @default {"durable"} */
  readonly level?: "process" | "durable";
  /** At which file of the session it ends. @default {1} */
  readonly file?: number;
  /** How it ends, or stands still the first time. @default {"SIGKILL"} */
  readonly how?: "SIGKILL" | "SIGSTOP";
  /** A SQLite file, or the URL of a Redis. */
  readonly store: string;
}

let how: Dying["how"];
let file = 1;

function die(): void {
  if (how !== undefined) Deno.kill(Deno.pid, how);
  how = undefined;
}

/** Hands everything on, and dies before or after the save it waits for. */
function dyingStore(
  inner: SessionStore,
  step: Step,
  note: (intent: boolean) => void,
): SessionStore {
  // Sessions of earlier servers are swept here, too, and do not count.
  const own = new Set<string>();
  return {
    kind: inner.kind,
    persistent: inner.persistent,
    load: (id) => inner.load(id),
    delete: (id) => inner.delete(id),
    list: () => inner.list(),
    stats: () => inner.stats(),
    async save(record: SessionRecord, maxLive?: number) {
      if (record.version === 1) own.add(record.id);
      if (!own.has(record.id)) return await inner.save(record, maxLive);
      if (record.intent !== null && step === "before the intent") die();
      const saved = await inner.save(record, maxLive);
      if ((record.upload?.offset ?? 0) > 0 && step === "inside the payload") die();
      if (record.intent !== null && step === "after the intent") die();
      if (record.lastSequence >= file && step === "after the commit") die();
      note(record.intent !== null);
      return saved;
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

/** Hands everything on, and dies when an upload was published. */
function dyingStorage(inner: DiskStorage, step: Step): FileStorage {
  const watched = (upload: Upload): Upload =>
    new Proxy(upload, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          const result = await Reflect.apply(value, target, args);
          if (name === "publish" && step === "after the publication") die();
          return result;
        };
      },
    });
  return new Proxy(inner, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name === "put") return puttingStorage(target, step);
      if (name === "gather") return gatheringStorage(target, step);
      if (name === "begin") {
        return async (spec: FileSpec) => {
          const upload = await target.begin(spec);
          return spec.session?.sequence === file ? watched(upload) : upload;
        };
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Begins a file that is stored in one step, and dies at a step of its commit. Files before it do not count. */
function beginSmall(spec: FileSpec, step: Step, mayPublish?: MayPublish) {
  const isHere = spec.session?.sequence === file;
  if (isHere && step === "before the note") die();
  return {
    inNote: () => {
      mayPublish?.();
      if (isHere) published = step;
      if (isHere && step === "after the note") die();
    },
    end: () => {
      if (isHere && step === "after the publication") die();
    },
  };
}

function puttingStorage(inner: DiskStorage, step: Step): FileStorage["put"] {
  return async (spec, bytes, crowded, mayPublish, digest) => {
    const { inNote, end } = beginSmall(spec, step, mayPublish);
    const stored = await inner.put(spec, bytes, crowded, inNote, digest);
    end();
    return stored;
  };
}

/** The same for a file that is published with others. */
function gatheringStorage(inner: DiskStorage, step: Step): FileStorage["gather"] {
  return (spec, bytes, crowded, mayPublish, digest) => {
    const { inNote, end } = beginSmall(spec, step, mayPublish);
    const gathered = inner.gather!(spec, bytes, crowded, inNote, digest);
    if (gathered === undefined) return undefined;
    const store = () => {
      gathered.store();
      end();
    };
    return { file: gathered.file, store };
  };
}

/** The step at which a commit that is under way dies; it takes its system calls in a row. */
let published: Step | undefined;

/** Dies after the call that gives a file its final name, or after the one that writes its line. */
function watchCommit(): void {
  const { renameSync } = Deno;
  Deno.renameSync = (from, to) => {
    renameSync(from, to);
    if (published === "after the final name") die();
  };
  const { writeSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    const count = writeSync.call(this, bytes);
    if (published === "after the manifest line") die();
    return count;
  };
}

if (import.meta.main) {
  const dying: Dying = JSON.parse(Deno.args[0]!);
  const { step, folder, store: place } = dying;
  how = dying.how ?? "SIGKILL";
  file = dying.file ?? 1;
  watchCommit();
  let announced = false;
  const disk = await DiskStorage.open(folder, {
    durability: dying.level ?? "durable",
    flush: {
      contents: () => Promise.resolve(),
      folder() {
        // Once the intent is kept, folders are flushed between the final name and the line.
        if (announced && step === "after the final name") die();
        return Promise.resolve();
      },
      manifest() {
        if (announced && step === "after the manifest line") die();
        return Promise.resolve();
      },
    },
  });
  const open = place.startsWith("redis:") ? inRedis(place) : inSqlite(place);
  const store = await open(new AsyncDisposableStack());
  const server = serve({
    port: 0,
    rate: "off",
    storage: dyingStorage(disk, step),
    store: dyingStore(store, step, (intent) => announced ||= intent),
  });
  await Deno.stdout.write(new TextEncoder().encode(`${server.addr.port}\n`));
}
