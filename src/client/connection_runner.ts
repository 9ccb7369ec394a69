/** Works one connection for the session manager, from its handshake to its end. @module */
import { CODES, type FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import { type ClientConnection, CLOSE_TIMEOUT_MS } from "./client_connection.ts";
import type { FetchCall } from "./fetch_call.ts";
import { asLost, isLost, localError, lost } from "./client_errors.ts";
import type { ResolvedOptions } from "./options.ts";
import {
  type ClientRequest,
  type ConnectionEnd,
  encodeHead,
  payloadOf,
  type RequestSession,
  type TransferFrame,
} from "./requests.ts";
import type { SendQueue } from "./send_queue.ts";
import type { Transmitter } from "./transmitter.ts";

/** Payload that is not wanted any more is read away up to this size: a new connection costs more. */
const MAX_SKIPPED_BYTES = 1024 * 1024;

/** What a runner works with. */
export interface ConnectionRunnerParts extends Pick<ResolvedOptions, "now" | "emit" | "pace"> {
  readonly connection: ClientConnection;
  readonly queue: SendQueue;
  readonly transmitter: Transmitter;
  readonly session: RequestSession;
  readonly keepaliveMs: number;
  /** Where requests go out before the connect is answered (S-CON-9). */
  readonly opening?: {
    /** Whether another request may go out behind so many bytes. */
    mayFollow(bytes: number): boolean;
    /** Reads the answer. Rejects if the connection is of no use. */
    answered(): Promise<Pick<ConnectionRunnerParts, "session" | "keepaliveMs">>;
  };
}

/**
 * A writer takes requests from the send queue, a reader hands the replies back to the queue, and a timer
 * notices when the server has fallen silent. The session manager makes a runner for each connection.
 * Requests that are unanswered at the connection's end stay in the queue.
 */
export class ConnectionRunner {
  #parts: ConnectionRunnerParts;
  #end: ConnectionEnd | undefined;
  /** Bytes that went out behind the connect before it was answered. */
  #early = 0;
  /** Whether a fetched piece is with the program, which may take its time. */
  #delivering = false;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: ConnectionRunnerParts) {
    this.#parts = parts;
  }

  /** Works the connection to its end. Never rejects. */
  async run(): Promise<ConnectionEnd> {
    const { connection, queue } = this.#parts;
    connection.onWait = queue.wake;
    this.#checkSilence();
    const writing = this.#write();
    await this.#read();
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#closeTimer);
    // Only a client that is done ends its connection in order (S-DIS-2).
    if (this.#end!.kind === "closed") await connection.finish();
    else connection.close();
    queue.wake();
    await writing;
    return this.#end!;
  }

  /**
   * Ends the connection at once: unanswered requests can be sent again over another connection.
   *
   * @param byClient As of a {@linkcode ConnectionEnd}.
   */
  cut(error: FxferError, byClient = false): void {
    this.#endWith({ kind: "lost", error, byClient });
    this.#parts.connection.close();
  }

  #endWith(end: ConnectionEnd): void {
    this.#end ??= end;
    this.#parts.queue.wake();
  }

  async #read(): Promise<void> {
    const { connection, queue, emit, opening, ...parts } = this.#parts;
    try {
      if (opening !== undefined) {
        this.#parts = { ...parts, connection, queue, emit, ...await opening.answered() };
        queue.wake();
        clearTimeout(this.#silenceTimer);
        this.#checkSilence();
      }
      while (this.#end === undefined) {
        const reply = connection.receiveNow() ?? await connection.receive();
        if (reply === undefined) {
          throw lost("go on with", connection.server, "it closed the connection");
        }
        const { header: { size, session: { action } }, body } = reply;
        const isNotice = action === "disconnect" && !this.#answersDisconnect(body);
        if (isNotice) {
          emit({ type: "notice", code: body.code, retryAfterMs: body.retry_after_ms });
        }
        const end = isNotice ? queue.noticed(body) : queue.answered(body, size);
        if (end !== undefined) this.#endWith(end);
        else if (size > 0) await this.#deliver(queue.calls.receiving);
      }
    } catch (error) {
      this.#endWith({ kind: "lost", error: asLost(error) });
    }
  }

  /**
   * Hands the payload of a reply to its fetch, and waits until each piece is taken before it reads on. A long
   * payload that is not wanted any more costs the connection, so that the next one can go on.
   */
  async #deliver(call: FetchCall | undefined): Promise<void> {
    const { connection, queue, now, pace } = this.#parts;
    for (;;) {
      const bytes = connection.hasMore
        ? connection.receivePayloadNow()
        : await connection.receivePayload();
      if (bytes === undefined) break;
      if (call === undefined || call.decided) {
        if (connection.payloadLeft <= MAX_SKIPPED_BYTES) continue;
        const error = lost("go on with", connection.server, "a fetch was given up in mid-file");
        return this.cut(error, true);
      }
      this.#delivering = true;
      if (pace !== undefined) await pace.take(bytes.length, connection.closed);
      const taking = call.take(bytes);
      try {
        if (taking !== undefined) await connection.untilClosed(taking);
      } finally {
        this.#delivering = false;
        taking?.then(queue.wake);
      }
      connection.heardAt = now();
      queue.progressed = true;
    }
    queue.calls.received();
    queue.wake();
  }

  /** A notice has the same action as the reply to a disconnect; an older server does not say which it is (S-NOT-1). */
  #answersDisconnect({ code, notice }: ReplyBody): boolean {
    if (notice === true) return false;
    const codeClass = CODES[code].class;
    return this.#parts.queue.awaitsReplyTo("disconnect") &&
      (codeClass === "success" || codeClass === "resync" || code === "store_unavailable");
  }

  async #write(): Promise<void> {
    const { connection, queue, transmitter } = this.#parts;
    try {
      while (this.#end === undefined) {
        if (queue.done) {
          // Without a session no disconnect is sent: the client only closes its half first (S-DIS-2).
          this.#endWith({ kind: "closed", totals: undefined });
          this.#closeSoon();
          return await connection.closeWrite();
        }
        const mayTake = this.#parts.opening?.mayFollow(this.#early) ?? true;
        const request = !mayTake ? undefined : queue.take() ??
          (this.#heartbeatInMs() <= 0 ? queue.takeHeartbeat() : undefined);
        const sending = request && this.#send(request);
        if (sending !== undefined) await sending;
        if (request?.kind === "heartbeat") await transmitter.flush(connection);
        else if (request !== undefined) continue;
        else if (connection.hasMore && !this.#delivering) {
          // What the replies that are here lead to goes out together.
          await queue.sleep();
        } else if (transmitter.holds(connection)) await transmitter.flush(connection);
        else if (queue.shortage !== undefined) return this.cut(queue.shortage);
        else await queue.sleep(queue.heldForMs);
      }
    } catch (error) {
      // A source failed in the middle of a frame: the frame cannot be completed on this connection.
      if (!isLost(error)) return this.cut(asLost(error), true);
      // The server may have sent a refusal before it stopped reading: the reader waits for it (S-TRF-8).
      if (this.#end === undefined) this.#closeSoon();
    }
  }

  /** Undefined if the request only had to be put behind others: then nothing is to be waited for. */
  #send(request: ClientRequest): Promise<void> | undefined {
    const { connection, transmitter, session, queue, opening } = this.#parts;
    const plain = encodeHead(session, request, queue.received);
    const head = connection.macs?.seal(plain) ?? plain;
    if (opening !== undefined) this.#early += head.length + payloadOf(request);
    if (request.kind !== "transfer") return transmitter.sendHead(connection, head);
    try {
      if (transmitter.gather(connection, head, request)) return undefined;
    } catch (error) {
      request.file.fail(localError(error));
      throw error;
    }
    return this.#sendFrame(head, request);
  }

  async #sendFrame(head: Uint8Array, frame: TransferFrame): Promise<void> {
    const { connection, transmitter } = this.#parts;
    try {
      if (await transmitter.send(connection, head, frame)) return;
      this.cut(lost("go on with", connection.server, "a file was touched in mid-frame"), true);
    } catch (error) {
      if (!isLost(error)) frame.file.fail(localError(error));
      throw error;
    }
  }

  /** Closes the connection, and so ends the reader, if the server does not close it in time. */
  #closeSoon(): void {
    this.#closeTimer = setTimeout(() => this.#parts.connection.close(), CLOSE_TIMEOUT_MS);
  }

  /** Milliseconds until a session needs a heartbeat: after half the keep-alive without a byte sent. */
  #heartbeatInMs(): number {
    const { connection, keepaliveMs, now, queue, session } = this.#parts;
    if (session.id === null) return Infinity;
    const ms = connection.sentAt + keepaliveMs / 2 - now();
    // Whether one is under way is found out late, because all that is unanswered is looked through for it.
    return ms <= 0 && queue.awaitsReplyTo("heartbeat") ? Infinity : ms;
  }

  /**
   * The connection counts as lost when no byte came in and no payload went out for 1.5 keep-alive times.
   * Without a session an idle connection may be silent. The writer is woken when a heartbeat is due.
   */
  #checkSilence(): void {
    const { connection, transmitter, keepaliveMs, now, queue, session } = this.#parts;
    const replyIsDue = session.id !== null || queue.awaitsReply;
    const heardAt = this.#delivering ? now() : connection.heardAt;
    const left = Math.max(heardAt, transmitter.movedAt) + 1.5 * keepaliveMs - now();
    if (left <= 0 && replyIsDue) {
      const words = `nothing was heard of it for ${1.5 * keepaliveMs / 1000} s`;
      return this.cut(lost("go on with", connection.server, words, { reason: "frozen" }));
    }
    const heartbeatInMs = this.#heartbeatInMs();
    if (heartbeatInMs <= 0) queue.wake();
    const longest = Math.max(left, keepaliveMs / 4);
    const ms = heartbeatInMs <= 0 ? keepaliveMs / 4 : Math.min(longest, heartbeatInMs);
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), ms);
  }
}
