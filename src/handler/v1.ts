/** The older wire: one file after the other, no session, nothing asked and nothing promised but storage. @module */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import { DEFAULT_MAX_REQUEST_SIZE } from "../protocol/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import { storedReply, storeWhole, type WholeParts } from "./receive.ts";
import type { StatelessOptions } from "./stateless.ts";
import { tellFile } from "./tell.ts";
import type { ConnectionContext, Reply, Request, RequestHandler } from "./types.ts";

/**
 * Stores v1 files as `received_<random>.<ext>`. When the client is told about them is the
 * connection's business (S-VER-3).
 * @category Server
 */
export class V1Handler implements RequestHandler {
  readonly #parts: WholeParts;
  readonly #maxRequestSize: number;

  /**
   * Serves into one storage folder.
   *
   * @param storage Where the files go; the caller disposes of it.
   */
  constructor(storage: FileStorage, options: Omit<StatelessOptions, "instance"> = {}) {
    const { events = new Events(), maxRequestSize, ...rest } = options;
    this.#parts = { storage, events, ...rest };
    this.#maxRequestSize = maxRequestSize ?? DEFAULT_MAX_REQUEST_SIZE;
  }

  /** Stores one file. */
  async handle(request: Request, context: ConnectionContext): Promise<Reply> {
    const { mimeType, size } = request.version === 1 ? request.frame : request.frame.header;
    if (size > this.#maxRequestSize) {
      throw new FxferError("too_large", "Cannot store file: larger than max_request_size", {
        limit: "max_request_size",
      });
    }
    const spec = { mimeType, reserve: size, clientAddress: context.clientAddress };
    const file = await storeWhole(this.#parts, spec, request.payload, context);
    const { connectionId: connection } = context;
    tellFile(this.#parts, file, spec, { connection, path: file.path, version: 1 });
    return { body: storedReply(file, this.#parts.storage.durability) };
  }
}
