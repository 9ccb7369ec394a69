/** Requests that stand alone, in stateless mode and by version 1: any instance can serve them. @module */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import { DEFAULT_MAX_REQUEST_SIZE, type TransferRequest } from "../protocol/mod.ts";
import {
  checkDigest,
  type FileStorage,
  type GatheredFile,
  type PutSpec,
  type StoredFile,
} from "../storage/mod.ts";
import { statelessTerms } from "./connect.ts";
import { fetchFile } from "./fetch.ts";
import { mustMay } from "./identity.ts";
import { listFiles } from "./list.ts";
import { isCounted, type Quotas } from "./quotas.ts";
import { removeFile } from "./remove.ts";
import {
  inBackground,
  putAlone,
  type PutBytes,
  putTogether,
  specOf,
  storedBefore,
  storedReply,
} from "./storing.ts";
import { senderOf, tellFile, type Telling } from "./tell.ts";
import type { ConnectionContext, Payload, Reply, Request, RequestHandler } from "./types.ts";

/** Terms of stateless mode.
 * @category Server */
export interface StatelessOptions extends Telling {
  /** The largest payload of one request, in bytes. @default {10485760} */
  readonly maxRequestSize?: number;
  /** The name of this server process, for its terms. @default {"fxfer"} */
  readonly instance?: string;
  /** Counts what users store. @default nobody counts */
  readonly quotas?: Quotas;
}

/**
 * Stores one whole file a request.
 *
 * `heartbeat` answers `pong` and `disconnect` `session_closed` here too, so that an idle connection
 * can be kept; `connect` states the terms and makes nothing.
 *
 * @example
 * ```ts
 * import { DiskStorage, StatelessHandler } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   const handler = new StatelessHandler(storage, { maxRequestSize: 1024 });
 *   console.assert(typeof handler.handle === "function");
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Server
 */
export class StatelessHandler implements RequestHandler {
  readonly #parts: WholeParts;
  readonly #terms: { readonly instance: string; maxRequestSize: number };

  /**
   * Serves from one storage folder.
   *
   * @param storage Where the files go; the caller disposes of it.
   */
  constructor(storage: FileStorage, options: StatelessOptions = {}) {
    const { instance = "fxfer", maxRequestSize = DEFAULT_MAX_REQUEST_SIZE, ...rest } = options;
    this.#parts = { storage, events: new Events(), ...rest };
    this.#terms = { instance, maxRequestSize };
  }

  /** Changes the largest payload of one request, in bytes, for what comes. */
  set maxRequestSize(bytes: number) {
    this.#terms.maxRequestSize = bytes;
  }

  /** Stores a file, or answers a sign of life. */
  handle(request: Request, context: ConnectionContext): Reply | Promise<Reply> {
    if (request.version === 1) {
      throw new TypeError("Cannot serve version 1: StatelessHandler serves version 2");
    }
    const { frame, payload } = request;
    switch (frame.action) {
      case "transfer":
        return this.#transfer(frame, payload, context);
      case "heartbeat":
        return { body: { code: "pong" } };
      case "disconnect":
        return { body: { code: "session_closed" }, close: true };
      case "connect": {
        const terms = statelessTerms(this.#parts.storage, this.#terms);
        return { body: { code: "ok", mode: "stateless", ...terms }, id: null };
      }
      case "fetch":
        return fetchFile(this.#parts, frame.data, context.identity, askerOf(context));
      case "list":
        return listFiles(this.#parts, frame.data, context, askerOf(context));
      case "remove":
        return removeFile(this.#parts, frame.data, context.identity, askerOf(context));
    }
  }

  #transfer(
    frame: TransferRequest,
    payload: Payload,
    context: ConnectionContext,
  ): Reply | Promise<Reply> {
    const begun = performance.now();
    mustMay(context.identity, "put");
    const { header: { size }, data } = frame;
    const { connectionId: connection } = context;
    const { maxRequestSize } = this.#terms;
    // S-TRF-1: a file in parts needs a session; a length that is told must be that of the payload.
    if (data.offset !== 0) {
      const text = "Cannot store file: without a session it starts at 0";
      throw new FxferError("offset_mismatch", text, { fields: { offset: 0 } });
    }
    if (!data.complete || data.cancel) {
      throw new FxferError("mode_not_allowed", "Cannot store part of a file: that needs a session");
    }
    if (data.length !== undefined && data.length !== size) {
      const text = "Cannot store file: size is not its length";
      throw new FxferError("length_mismatch", text, { fields: { length: size } });
    }
    if (size > maxRequestSize) {
      throw new FxferError("too_large", "Cannot store file: larger than max_request_size", {
        fields: { limit: maxRequestSize },
        limit: "max_request_size",
      });
    }
    const spec = specOf(frame, context);
    const counted = this.#parts.quotas !== undefined && isCounted(context.identity);
    const file = data.uploadId === undefined && !counted
      ? storeWhole(this.#parts, spec, payload, context, putTogether)
      : this.#storeOnce(spec, payload, context, counted ? this.#parts.quotas : undefined);
    const tell = (file: StoredFile) => {
      const { events, onStored } = this.#parts;
      if (!onStored && !file.replayed && !events.wants("transfer.stored")) return;
      const ms = Math.round(performance.now() - begun);
      const facts = { connection, path: file.path, ms };
      tellFile(this.#parts, file, spec, { ...facts, ...senderOf(context, spec) });
    };
    const answer = (whole: StoredFile | GatheredFile): Reply => {
      const gathered = "store" in whole ? whole : undefined;
      const file = "store" in whole ? whole.file : whole;
      const body = storedReply(file, this.#parts.storage.durability, data.uploadId);
      if (gathered === undefined) {
        tell(file);
        return { body };
      }
      const saved = () => {
        gathered.store();
        tell(file);
      };
      return { body, saved };
    };
    return file instanceof Promise ? file.then(answer) : answer(file);
  }

  /** Stores a file unless its upload id says that it is stored (S-TRF-9). */
  async #storeOnce(
    spec: PutSpec,
    payload: Payload,
    context: ConnectionContext,
    quotas?: Quotas,
  ): Promise<StoredFile | GatheredFile> {
    const found = storedBefore(this.#parts.storage, spec.uploadId, spec.sha256);
    const before = found instanceof Promise ? await found : found;
    if (before !== undefined) return before;
    if (quotas === undefined) {
      return await storeWhole(this.#parts, spec, payload, context, putTogether);
    }
    const { identity } = context;
    const claim = crypto.randomUUID();
    await quotas.reserve(identity, claim, payload.size);
    try {
      const file = await storeWhole(this.#parts, spec, payload, context, putAlone);
      await quotas.charge(identity.user!, file, claim);
      return file;
    } catch (error) {
      await quotas.release(identity.user!, claim);
      throw error;
    }
  }
}

/**
 * Stores v1 files as `received_<random>.<ext>`. When the client is told about them is the
 * connection's business (S-VER-3).
 * @category Server
 */
export class V1Handler implements RequestHandler {
  readonly #parts: WholeParts;
  #maxRequestSize: number;

  /**
   * Serves into one storage folder.
   *
   * @param storage Where the files go; the caller disposes of it.
   */
  constructor(storage: FileStorage, options: Omit<StatelessOptions, "instance"> = {}) {
    const { maxRequestSize = DEFAULT_MAX_REQUEST_SIZE, ...rest } = options;
    this.#parts = { storage, events: new Events(), ...rest };
    this.#maxRequestSize = maxRequestSize;
  }

  /** Changes the largest file, in bytes, for what comes. */
  set maxRequestSize(bytes: number) {
    this.#maxRequestSize = bytes;
  }

  /** Stores one file. */
  async handle(request: Request, context: ConnectionContext): Promise<Reply> {
    mustMay(context.identity, "put");
    const { mimeType, size } = request.version === 1 ? request.frame : request.frame.header;
    if (size > this.#maxRequestSize) {
      throw new FxferError("too_large", "Cannot store file: larger than max_request_size", {
        limit: "max_request_size",
      });
    }
    const spec = { mimeType, reserve: size, clientAddress: context.clientAddress };
    const file = await storeWhole(this.#parts, spec, request.payload, context, putAlone);
    const facts = { connection: context.connectionId, path: file.path, version: 1 } as const;
    tellFile(this.#parts, file, spec, { ...facts, ...senderOf(context, spec) });
    return { body: storedReply(file, this.#parts.storage.durability) };
  }
}

const askerOf = ({ connectionId: connection }: ConnectionContext) => ({ connection });

/** What it takes to store whole files and to tell of them. */
interface WholeParts extends Telling {
  readonly quotas?: Quotas;
  readonly storage: FileStorage;
  readonly events: Events;
}

/**
 * Stores one whole file, or nothing: on any failure what was received is removed (S-TRF-6). At once
 * if its bytes are here and storage can.
 *
 * @throws {FxferError} What the payload or the storage threw; `checksum_mismatch`.
 */
function storeWhole<T>(
  parts: WholeParts,
  spec: PutSpec,
  payload: Payload,
  context: ConnectionContext,
  put: PutBytes<T>,
): StoredFile | T | Promise<StoredFile | T> {
  const bytes = payload.whole();
  return bytes === undefined || bytes instanceof Promise
    ? storeArriving(parts, spec, payload, bytes, context, put)
    : put(parts.storage, spec, bytes, payload);
}

async function storeArriving<T>(
  { storage, events }: WholeParts,
  spec: PutSpec,
  payload: Payload,
  whole: Promise<Uint8Array | undefined> | undefined,
  { connectionId: connection }: ConnectionContext,
  put: PutBytes<T>,
): Promise<StoredFile | T> {
  const bytes = await whole;
  if (bytes !== undefined) return put(storage, spec, bytes, payload);

  const upload = await storage.begin(spec);
  events.emit({ type: "transfer.begun", rule: "S-TRF-1", connection });
  let writing: void | Promise<void> = undefined;
  try {
    for (let bytes = await payload.next(); bytes !== undefined; bytes = await payload.next()) {
      await writing;
      writing = inBackground(upload.write(bytes));
    }
    await writing;
    const sealed = await upload.seal();
    checkDigest(spec.sha256, sealed.sha256);
    return await upload.publish();
  } catch (error) {
    await Promise.allSettled([writing]);
    await upload.discard();
    events.emit({ type: "transfer.dropped", rule: "S-TRF-6", connection, reason: "failed" });
    throw error;
  }
}
