/** Sends files to a version 1 server (S-VER-5). @module */
import type { Endpoint } from "../address.ts";
import { FxferError, isCode } from "../errors.ts";
import { DEFAULT_MAX_REQUEST_SIZE, encodeV1Header } from "../protocol/mod.ts";
import { LATE, within } from "../within.ts";
import type { Call } from "./call.ts";
import { ClientConnection } from "./client_connection.ts";
import { localError } from "./client_errors.ts";
import type { ResolvedOptions } from "./options.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import type { OutgoingFiles } from "./outgoing_files.ts";
import type { TransferFrame } from "./requests.ts";
import { Transmitter } from "./transmitter.ts";

/** How long the client waits for a server to store a file after the last byte. */
const ANSWER_TIMEOUT_MS = 10_000;
/** An answer is one line: the client reads no more than this. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Sends files one after the other: a connection for each, no session, nothing confirmed. `connect` makes
 * one in place of the session manager, if its caller allowed version 1.
 */
export class V1Sender {
  readonly mode = "v1";
  readonly sessionId = null;
  readonly token = undefined;
  readonly terms = undefined;
  /** The server. */
  readonly address: Endpoint;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #transmitter: Transmitter;
  /** Why nothing can be sent any more. */
  #over: FxferError | undefined;
  /** Files without a result. */
  readonly #files = new Set<OutgoingFile>();
  /** Resolves when the last of the files has its result. */
  #last: Promise<void> = Promise.resolve();
  /** The file that is being sent, and its connection. */
  #current: { readonly file: OutgoingFile; readonly connection: ClientConnection } | undefined;

  constructor(address: Endpoint, { now, pace }: Pick<ResolvedOptions, "now" | "pace">) {
    this.address = address;
    this.#now = now;
    this.#transmitter = new Transmitter(now, pace);
  }

  /** Adds a file behind the others; the file's `result` tells how it ended. */
  add(file: OutgoingFile): void {
    if (this.#over !== undefined) return file.fail(this.#over);
    file.serverCompares = false;
    this.#files.add(file);
    this.#last = this.#last.then(() => this.#send(file));
  }

  /** Each file takes a connection: while one is under way, another only waits. */
  get areMany(): boolean {
    return this.#files.size > 1;
  }

  /** Waits until no file waits. Never rejects. */
  ready(): Promise<void> {
    return this.areMany ? this.#last : Promise.resolve();
  }

  /** What says whether many files wait, as `SessionManager.files`. */
  get files(): Pick<OutgoingFiles, "areMany" | "ready"> {
    return this;
  }

  /** Version 1 only takes files: the call fails. */
  ask(call: Call): void {
    const error = call.unavailable(undefined);
    if (error !== undefined) call.fail(error);
  }

  /** The program gave a file up. */
  abandon(file: OutgoingFile, error: FxferError): void {
    file.fail(error);
    if (this.#current?.file === file) this.#current.connection.close();
  }

  /** Waits for the files under way. */
  async disconnect(): Promise<undefined> {
    await this.#last;
    await this.stop(new FxferError("interrupted", "Cannot send file: client is disconnected"));
  }

  /** Ends the client at once. Resolves when nothing is open. */
  async stop(error: FxferError): Promise<void> {
    this.#over ??= error;
    for (const file of this.#files) file.fail(this.#over);
    this.#stop.abort();
    this.#current?.connection.close();
    await this.#last;
  }

  /** Never rejects: a failure rejects the file. */
  async #send(file: OutgoingFile): Promise<void> {
    try {
      const frame = await wholeFile(file);
      if (frame === undefined) return;
      const connection = await ClientConnection.open(
        this.address,
        { now: this.#now },
        this.#stop.signal,
      );
      if (file.decided) return connection.close();
      this.#current = { file, connection };
      try {
        const head = encodeV1Header({ mimeType: file.mimeType, size: frame.end });
        await this.#transmitter.send(connection, head, frame);
        await this.#transmitter.flush(connection);
        await connection.closeWrite();
        const line = await answerOf(connection);
        if (line?.startsWith("ERROR")) throw refused(line);
        file.acknowledge(frame.end);
        // Whatever a version 1 server answers, the answer names nothing that could be checked.
        file.finish({ file: undefined, confirmed: false, replayed: false, existing: false });
      } finally {
        this.#current = undefined;
        connection.close();
      }
    } catch (error) {
      file.fail(localError(error));
    } finally {
      this.#files.delete(file);
    }
  }
}

/**
 * The whole file as one frame; undefined if the file was given up. Version 1 states the size first: a
 * source that does not know its size is gathered in memory, up to a limit.
 */
async function wholeFile(file: OutgoingFile): Promise<TransferFrame | undefined> {
  if (file.decided) return undefined;
  const limit = file.source.size === undefined ? DEFAULT_MAX_REQUEST_SIZE : Infinity;
  // The program may give up a file whose source hangs.
  await Promise.race([file.prepare(limit), file.result]);
  const span = file.prepared(limit);
  if (span === undefined) return undefined;
  if (span.last) return { kind: "transfer", file, sequence: 0, ...file.nextPart(span, false) };
  const what = `of unknown size and over ${limit} bytes, which version 1 cannot carry`;
  throw new FxferError("too_large", `Cannot send file: ${what}`, { fields: { limit } });
}

/** The first line of the answer; undefined if no whole line came in time. */
async function answerOf(connection: ClientConnection): Promise<string | undefined> {
  const reading = readText(connection);
  if (await within(ANSWER_TIMEOUT_MS, reading) === LATE) connection.close();
  return /^([^\n]*)\n/.exec(await reading)?.[1];
}

/** The text that the server sends until the connection ends. Never rejects. */
async function readText(connection: ClientConnection): Promise<string> {
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
    // The network has taken all bytes: without an answer the file counts as sent, unconfirmed.
  }
  return text;
}

function refused(line: string): FxferError {
  const text = line.slice("ERROR".length).trim();
  const code = isCode(text) ? text : "internal_error";
  return new FxferError(code, "Cannot send file: the version 1 server refused it", {
    fields: { text: text.slice(0, 200) },
  });
}
