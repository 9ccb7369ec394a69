/**
 * Times what a storage and a session store do, from outside: both are contracts that others implement, so
 * they know nothing of it. Only the methods that are timed are replaced, on the object itself, so that
 * every other capability stays what it is.
 *
 * @module
 */
import type { ServeOptions } from "../server/mod.ts";
import type { FileStorage, Upload } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Tally } from "./tally.ts";

/** Hears how long a call took, in milliseconds, and whether it failed. */
type Heard = (ms: number, failed: boolean) => void;

// deno-lint-ignore no-explicit-any -- a method of any shape is called as it was called
type Method = (...args: any[]) => unknown;

/** Replaces a method by one that is timed. */
function time<Key extends PropertyKey>(
  target: { [key in Key]?: Method },
  key: Key,
  heard: Heard,
): void {
  const method = target[key];
  if (method === undefined) return;
  target[key] = function (this: unknown, ...args: unknown[]) {
    const begun = performance.now();
    let result: unknown;
    try {
      result = method.apply(target, args);
    } catch (error) {
      heard(performance.now() - begun, true);
      throw error;
    }
    if (!(result instanceof Promise)) {
      heard(performance.now() - begun, false);
      return result;
    }
    return result.then((value) => {
      heard(performance.now() - begun, false);
      return value;
    }, (error) => {
      heard(performance.now() - begun, true);
      throw error;
    });
  };
}

/** Times the commits of a storage. */
function timeStorage(storage: FileStorage, heard: Heard): void {
  time(storage as { put?: Method }, "put", heard);
  const begin = storage.begin.bind(storage);
  storage.begin = async (spec) => timeUpload(await begin(spec), heard);
  const { partials } = storage;
  if (partials === undefined) return;
  const reopen = partials.reopen.bind(partials);
  partials.reopen = async (partial) => {
    const upload = await reopen(partial);
    return upload && timeUpload(upload, heard);
  };
}

function timeUpload(upload: Upload, heard: Heard): Upload {
  time(upload as { publish?: Method }, "publish", heard);
  return upload;
}

/** Times what a session store is asked for each request. */
function timeStore(store: SessionStore, { read, write }: Tally): void {
  time(store as { load?: Method }, "load", read);
  time(store as { save?: Method }, "save", write);
}

/** The options of a server whose work is counted. The tally must be told of the server that is made. */
export function counted(options: ServeOptions, tally: Tally): ServeOptions {
  const { storage, store, handler = (builtIn) => builtIn } = options;
  timeStorage(storage, tally.commit);
  if (store !== undefined) timeStore(store, tally);
  if (options.events !== undefined) tally.listen(options.events);
  const { usage } = storage as { usage?: unknown };
  if (usage !== undefined) {
    tally.usage = () =>
      (storage as unknown as { usage: ReturnType<NonNullable<Tally["usage"]>> }).usage;
  }
  return { ...options, handler: (builtIn) => tally.watch(handler(builtIn)) };
}
