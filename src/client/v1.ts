/**
 * Version 1 from the client's side: one connection a file, no session, nothing confirmed (S-VER-5).
 *
 * @module
 */
import { FxferError, isCode } from "../errors.ts";
import { DEFAULT_MAX_REQUEST_SIZE, encodeV1Header } from "../protocol/mod.ts";
import { type Address, ClientConnection } from "./client_connection.ts";
import { localError } from "./failures.ts";
import { Transmitter } from "./transmit.ts";
import type { Frame, OutgoingFile } from "./outgoing_file.ts";

/** How long a server may take to store a file after its last byte, before it counts as silent. */
const ANSWER_TIMEOUT_MS = 10_000;
/** A server that writes more than this is not answering. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Sends files one after the other. */
export class V1Sender {
  readonly #address: Address;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #transmitter = new Transmitter();
  #over: FxferError | undefined;
  #uploads = new Set<OutgoingFile>();
  #last: Promise<void> = Promise.resolve();
  #connection: ClientConnection | undefined;

  constructor(address: Address, now: () => number) {
    this.#address = address;
    this.#now = now;
  }

  /** One more file; its `result` tells what became of it. */
  add(upload: OutgoingFile): void {
    if (this.#over !== undefined) return upload.fail(this.#over);
    this.#uploads.add(upload);
    this.#last = this.#last.then(() => this.#send(upload));
  }

  /** A file was given up. */
  abandon(upload: OutgoingFile, error: FxferError): void {
    const inside = upload.sending;
    upload.fail(error);
    if (inside) this.#connection?.close();
  }

  /** Waits for the files under way. */
  async disconnect(): Promise<undefined> {
    await this.#last;
    await this.stop(new FxferError("interrupted", "Cannot send file: client is disconnected"));
  }

  /** Ends the client at once. Resolves when nothing is open. */
  async stop(error: FxferError): Promise<void> {
    this.#over ??= error;
    for (const upload of this.#uploads) upload.fail(this.#over);
    this.#stop.abort();
    this.#connection?.close();
    await this.#last;
  }

  /** Never rejects: what goes wrong is the upload's. */
  async #send(upload: OutgoingFile): Promise<void> {
    try {
      if (upload.settled) return;
      const frame = await wholeFrame(upload);
      if (frame === undefined) return;
      const { mimeType } = upload;
      const connection = await ClientConnection.open(this.#address, this.#now, this.#stop.signal);
      this.#connection = connection;
      try {
        const head = encodeV1Header({ mimeType, size: frame.end });
        upload.sending = true;
        await this.#transmitter.sendBytes(connection, head, frame, () => {});
        await connection.closeWrite();
        const line = await answer(connection);
        if (line?.startsWith("ERROR")) throw refused(line);
        upload.acknowledge(frame.end);
        upload.finishUnconfirmed();
      } finally {
        upload.sending = false;
        this.#connection = undefined;
        connection.close();
      }
    } catch (error) {
      upload.fail(localError(error));
    } finally {
      this.#uploads.delete(upload);
    }
  }
}

/** Version 1 tells the size first: a source that does not know its own is gathered, within a limit. */
async function wholeFrame(upload: OutgoingFile): Promise<Frame | undefined> {
  const { feed: { size } } = upload;
  const limit = size === undefined ? DEFAULT_MAX_REQUEST_SIZE : Infinity;
  await upload.prepare(limit);
  const frame = upload.settled ? undefined : upload.take(limit, 0);
  if (frame === undefined || frame.data.complete) return frame;
  throw new FxferError(
    "too_large",
    `Cannot send file: of unknown size and over ${limit} bytes, which version 1 cannot carry`,
    { fields: { limit } },
  );
}

/** The first line of the answer; undefined if there was none. An answer that breaks off is none. */
async function answer(connection: ClientConnection): Promise<string | undefined> {
  const timer = setTimeout(() => connection.close(), ANSWER_TIMEOUT_MS);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let read = 0; read <= MAX_ANSWER_BYTES;) {
      const bytes = await connection.read();
      if (bytes === undefined) break;
      read += bytes.length;
      text += decoder.decode(bytes, { stream: true });
    }
  } catch {
    // All bytes were taken: without an answer the file is sent, unconfirmed.
  } finally {
    clearTimeout(timer);
  }
  return text.includes("\n") ? text.slice(0, text.indexOf("\n")) : undefined;
}

function refused(line: string): FxferError {
  const text = line.slice("ERROR".length).trim();
  const code = isCode(text) ? text : "internal_error";
  return new FxferError(code, "Cannot send file: the version 1 server refused it", {
    fields: { text: text.slice(0, 200) },
  });
}
