/**
 * One connection, from its first byte to its end.
 *
 *     bytes -> protocol -> dispatcher -> handler -> session + store / storage -> reply -> protocol -> bytes
 *              decode      choose        act        remember     / keep                  encode
 *
 * One request at a time, in order, one reply each. Whatever happens here stays here: no error of one
 * connection reaches another or the process.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { ConnectionContext, Reply, Request, RequestHandler } from "../handler/mod.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import {
  encodeReply,
  MAX_DRAIN_BYTES,
  MAX_DRAIN_MS,
  type ReplyBody,
  type ReplyHeader,
} from "../protocol/mod.ts";
import type { BufferPools } from "./buffers.ts";
import { type ClockLimits, expiredClock, RATE_WINDOW_MS, type Ticking } from "./clocks.ts";
import { type Head, Input } from "./input.ts";
import { Output } from "./output.ts";
import { isPeerGone } from "./peer_gone.ts";
import type { Arrival } from "./proxy_gate.ts";
import { Reader, type Workload } from "./reader.ts";
import { refusalOf, refusedOf } from "./refusal.ts";
import { type V1Ack, V1Results } from "./v1_results.ts";

/** What all connections of one server share. */
export interface ConnectionSettings {
  readonly handler: RequestHandler;
  readonly clocks: ClockLimits;
  readonly keepaliveMs: number;
  readonly v1Ack: V1Ack;
  readonly pools: BufferPools;
  readonly workload: Workload;
  readonly events: Events;
  /** Called once, when a connection is closed and its handler knows. */
  closed(connection: Connection): void;
}

/** Codes of the clocks that end a request under way: they answer it, the others are notices. */
const ENDS_REQUEST: ReadonlySet<string> = new Set(["stalled", "too_slow", "incomplete"]);

/** The header of a frame that answers no request. */
const NOTICE: ReplyHeader = { id: null, mode: "stateless", sequence: 0, action: "disconnect" };

/** For how long a displaced connection may take what its peer had sent: the notice is due within 250 ms. */
const TAKEOVER_GRACE_MS = 100;

/** A write that has not moved for this long after the goodbye is given up. */
const GOODBYE_MS = 250;

/** See the module's text. */
export class Connection implements ConnectionContext, Ticking {
  readonly connectionId: number;
  readonly clientAddress: string;
  readonly log: Logger;
  keepaliveMs: number;

  readonly #conn: Deno.TcpConn;
  readonly #settings: ConnectionSettings;
  readonly #reader: Reader;
  readonly #input: Input;
  readonly #output: Output;
  readonly #v1Results: V1Results;
  /** The header of the last request: a notice names its session. */
  #last: ReplyHeader = NOTICE;
  #interruption: FxferError | undefined;
  #stopping: FxferError | undefined;
  #requests = 0;
  readonly #acceptedAt: number = performance.now();

  constructor(
    conn: Deno.TcpConn,
    id: number,
    { address, bytes }: Arrival,
    settings: ConnectionSettings,
    log: Logger,
  ) {
    this.connectionId = id;
    this.clientAddress = address;
    this.log = log.child({ connection: id });
    this.keepaliveMs = settings.keepaliveMs;
    this.#conn = conn;
    this.#settings = settings;
    this.#output = new Output(conn);
    this.#v1Results = new V1Results(settings.v1Ack);
    this.#reader = new Reader(conn, this.#output, settings.workload);
    this.#input = new Input(this.#reader, settings.pools);
    if (bytes !== undefined) this.#input.take(bytes);
  }

  /** @inheritdoc */
  interrupt(error: FxferError): void {
    if (this.#interruption !== undefined) return;
    this.#interruption = error;
    this.#reader.interrupt(error, error.code === "session_taken_over" ? TAKEOVER_GRACE_MS : 0);
    this.#output.interrupt(error);
  }

  /** Graceful stop (S-DRN-1): at the next frame boundary the notice is sent; a frame under way goes on. */
  stop(notice: FxferError): void {
    this.#stopping ??= notice;
    if (this.#input.payloadDone && this.#input.waiting !== "busy") this.interrupt(notice);
  }

  /** Ends it without a word: it did not end by itself. */
  abort(): void {
    this.#close();
  }

  /** @inheritdoc */
  tick(now: number): void {
    const input = this.#input;
    const { stallMs } = this.#settings.clocks;
    if (stallMs > 0 && this.#output.writingSince > 0 && now - this.#output.writingSince > stallMs) {
      return this.interrupt(new FxferError("stalled", "Cannot send reply: the peer does not read"));
    }
    const code = expiredClock(
      {
        waiting: input.waiting,
        acceptedAt: this.#acceptedAt,
        headerSince: input.headerSince,
        quietSince: this.#reader.quietSince,
        windowAt: input.windowAt,
        windowBytes: this.#reader.received,
        keepaliveMs: this.keepaliveMs,
      },
      this.#settings.clocks,
      now,
    );
    if (code !== undefined) return this.interrupt(new FxferError(code));
    if (now - input.windowAt >= RATE_WINDOW_MS) input.startRateWindow(now);
  }

  /** Serves the connection to its end. Never rejects. */
  async run(): Promise<void> {
    const { events } = this.#settings;
    const { connectionId: connection, clientAddress: address } = this;
    events.emit({ type: "connection.opened", connection, address });
    let notice: FxferError | undefined;
    try {
      await this.#serve();
    } catch (error) {
      notice = error instanceof FxferError ? error : undefined;
      if (notice === undefined && !isPeerGone(error)) {
        this.log.error("connection.failed", { cause: error });
      }
    }
    try {
      await this.#settings.handler.closed?.(this);
    } catch (error) {
      this.log.error("connection.failed", { cause: error });
    }
    this.#reader.done();
    await this.#goodbye(notice);
    const facts = {
      connection,
      requests: this.#requests,
      ...omitUndefined({ code: notice?.code }),
    };
    events.emit({ type: "connection.closed", rule: "S-DIS-2", ...facts });
    this.#settings.closed(this);
  }

  /** Serves request after request: returns when the peer ends, throws the notice when the server does. */
  async #serve(): Promise<void> {
    for (;;) {
      if (this.#stopping !== undefined) throw this.#stopping;
      const head = this.#input.bufferedHead() ?? await this.#input.head();
      if (head === undefined) return;
      if (head.type === "fault") throw head.error;
      const more = await this.#serveOne(head);
      if (!more) return;
      if (this.#output.full) await this.#output.flush();
    }
  }

  /** One request and its reply; false when the connection ends with it. */
  async #serveOne(head: Exclude<Head, { type: "fault" }>): Promise<boolean> {
    // A first reply leaves at once; only a later one could be held back until it is acknowledged.
    if (++this.#requests === 2) this.#conn.setNoDelay(true);
    const payload = this.#input;
    const request: Request = head.type === "request"
      ? { version: 2, frame: head.request, payload }
      : { version: 1, frame: head.header, payload };
    if (request.version === 2) this.#last = echoOf(request.frame);

    let reply: Reply;
    let failure: unknown;
    try {
      const answer = this.#settings.handler.handle(request, this);
      reply = answer instanceof Promise ? await answer : answer;
    } catch (error) {
      failure = error;
      // A client that lost its session (S-TAKE-2) is told by one notice, not by this reply as well.
      if (error instanceof FxferError && error.code === "session_taken_over") throw error;
      if (this.#interruption !== undefined && !ENDS_REQUEST.has(this.#interruption.code)) {
        throw sameCode(error, this.#interruption) ? error : this.#interruption;
      }
      reply = { body: this.#refuse(error, request) };
    }
    this.#answer(request, reply);
    if (this.#interruption !== undefined) {
      if (failure !== undefined) return false;
      throw this.#interruption;
    }
    if (reply.close === true || reply.body.code === "protocol_error") return false; // S-VER-6
    return payload.payloadDone || await this.#drain();
  }

  /** The reply to a request that failed, or without one a notice. */
  #refuse(error: unknown, request?: Request): ReplyBody {
    const { events } = this.#settings;
    return refusalOf(error, refusedOf(this.connectionId, request), { log: this.log, events });
  }

  #answer(request: Request, { body, id, mode }: Reply): void {
    if (request.version === 2) {
      const header = this.#last;
      if (id !== undefined || mode !== undefined) {
        this.#last = { ...header, id: id ?? null, mode: mode ?? header.mode };
      }
      return this.#output.add(encodeReply(this.#last, body));
    }
    this.#v1Results.add(body, this.#output);
  }

  /** S-TRF-8: the reply first, then what was refused is read away; true when all of it was. */
  async #drain(): Promise<boolean> {
    await this.#output.flush();
    return await this.#input.discardPayload(MAX_DRAIN_BYTES, MAX_DRAIN_MS);
  }

  /** The last frame, the closing of the writing half, reading to EOF, close (S-DIS-2, S-TRF-8). */
  async #goodbye(notice: FxferError | undefined): Promise<void> {
    try {
      if (this.#input.version === 1) {
        // Nothing is written before EOF has been read (S-VER-3).
        await this.#reader.linger(MAX_DRAIN_BYTES, MAX_DRAIN_MS);
        this.#v1Results.finish(notice, this.#output);
      } else if (notice !== undefined) {
        const header: ReplyHeader = { ...this.#last, action: "disconnect" };
        this.#output.add(encodeReply(header, this.#refuse(notice)));
      }
      // A write that is stuck can be neither finished nor taken back, and closeWrite would wait for it.
      if (this.#output.broken) return;
      await this.#flushLast();
      // The peer has ended and all of it was read, so closing cannot reset the connection.
      if (this.#reader.ended) return;
      await this.#conn.closeWrite();
      await this.#reader.linger(MAX_DRAIN_BYTES, MAX_DRAIN_MS);
    } catch (error) {
      if (!isPeerGone(error) && !(error instanceof FxferError)) {
        this.log.error("connection.failed", { cause: error });
      }
    } finally {
      this.#close();
    }
  }

  /** After an interruption the last write gets little time, because the peer may not read. */
  async #flushLast(): Promise<void> {
    const timer = this.#interruption === undefined ? undefined : setTimeout(
      () => this.#output.interrupt(new FxferError("stalled")),
      GOODBYE_MS,
    );
    try {
      await this.#output.flush();
    } finally {
      clearTimeout(timer);
    }
  }

  #close(): void {
    this.#input.release();
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }
}

function echoOf(frame: { readonly header: { readonly session: ReplyHeader } }): ReplyHeader {
  const { id, mode, sequence, action } = frame.header.session;
  return { id, mode, sequence, action };
}

function sameCode(error: unknown, other: FxferError): error is FxferError {
  return error instanceof FxferError && error.code === other.code;
}
