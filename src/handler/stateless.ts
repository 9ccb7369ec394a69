/**
 * Stateless mode: every request stands alone, and any instance can serve it.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import { DEFAULT_MAX_REQUEST_SIZE, type TransferRequest } from "../protocol/mod.ts";
import type { FileStorage, PutSpec, StoredFile } from "../storage/mod.ts";
import { storedBefore, storedReply, storeWhole, type WholeParts } from "./receive.ts";
import { tellFile, type Telling } from "./tell.ts";
import { statelessTerms } from "./terms.ts";
import type { ConnectionContext, Payload, Reply, Request, RequestHandler } from "./types.ts";

/** Terms of stateless mode.
 * @category Server */
export interface StatelessOptions extends Telling {
  /** The largest payload of one request, in bytes. @default {10485760} */
  readonly maxRequestSize?: number;
  /** The name of this server process, for its terms. @default {"fxfer"} */
  readonly instance?: string;
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
  readonly #maxRequestSize: number;
  readonly #instance: string;
  /** Connections for which storage was asked what others have stored. */
  readonly #refreshed = new WeakSet<ConnectionContext>();

  /**
   * Serves from one storage folder.
   *
   * @param storage Where the files go; the caller disposes of it.
   */
  constructor(storage: FileStorage, options: StatelessOptions = {}) {
    const { events = new Events(), maxRequestSize, instance, ...rest } = options;
    this.#parts = { storage, events, ...rest };
    this.#maxRequestSize = maxRequestSize ?? DEFAULT_MAX_REQUEST_SIZE;
    this.#instance = instance ?? "fxfer";
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
      case "connect":
        return {
          body: {
            code: "ok",
            mode: "stateless",
            ...statelessTerms(this.#parts.storage, this.#instance, this.#maxRequestSize),
          },
          id: null,
        };
    }
  }

  #transfer(
    frame: TransferRequest,
    payload: Payload,
    context: ConnectionContext,
  ): Reply | Promise<Reply> {
    const started = performance.now();
    const { header: { mimeType, size }, data } = frame;
    const { connectionId: connection } = context;
    checkAlone(frame);
    if (size > this.#maxRequestSize) {
      throw new FxferError("too_large", "Cannot store file: larger than max_request_size", {
        fields: { limit: this.#maxRequestSize },
        limit: "max_request_size",
      });
    }
    const spec: PutSpec = {
      mimeType,
      reserve: size,
      clientAddress: context.clientAddress,
      ...(data.name === undefined ? {} : { name: data.name }),
      ...(data.uploadId === undefined ? {} : { uploadId: data.uploadId }),
      ...(data.sha256 === undefined ? {} : { sha256: data.sha256 }),
    };
    const file = data.uploadId === undefined
      ? storeWhole(this.#parts, spec, payload, context)
      : this.#storeOnce(spec, payload, context);
    const answer = (file: StoredFile): Reply => {
      const { events, onStored } = this.#parts;
      if (onStored || file.replayed || events.wants("transfer.stored")) {
        const ms = Math.round(performance.now() - started);
        tellFile(this.#parts, file, spec, { connection, path: file.path, ms });
      }
      return { body: storedReply(file, this.#parts.storage.durability, data.uploadId) };
    };
    return file instanceof Promise ? file.then(answer) : answer(file);
  }

  /** Stores a file unless its upload id says that it is stored (S-TRF-9). */
  async #storeOnce(
    spec: PutSpec,
    payload: Payload,
    context: ConnectionContext,
  ): Promise<StoredFile> {
    const { storage } = this.#parts;
    if (!this.#refreshed.has(context)) {
      this.#refreshed.add(context);
      await storage.refresh?.(); // another instance may have stored it
    }
    const before = storedBefore(storage, spec.uploadId, spec.sha256);
    return (before instanceof Promise ? await before : before) ??
      await storeWhole(this.#parts, spec, payload, context);
  }
}

/** A file in parts needs a server that remembers the parts; the length, if told, is the payload's. */
function checkAlone({ header, data }: TransferRequest): void {
  if (data.offset !== 0) {
    throw new FxferError("offset_mismatch", "Cannot store file: without a session it starts at 0", {
      fields: { offset: 0 },
    });
  }
  if (!data.complete || data.cancel) {
    throw new FxferError("mode_not_allowed", "Cannot store part of a file: that needs a session");
  }
  if (data.length !== undefined && data.length !== header.size) {
    throw new FxferError("length_mismatch", "Cannot store file: size is not its length", {
      fields: { length: header.size },
    });
  }
}
