/**
 * One connection, from its first byte to its end.
 *
 *     bytes -> protocol -> dispatcher -> handler -> session + store / storage -> reply -> protocol -> bytes
 *              decode      choose        act        remember     / keep                  encode
 *
 * A connection serves one request at a time, in order, with one reply each. No error of a connection
 * reaches another connection or ends the process.
 *
 * The file is over 300 lines, because the steps of a request share the state of the connection.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { ConnectionContext, Identity, Reply, Request } from "../handler/mod.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { LATE, within } from "../within.ts";
import { Answers } from "./answers.ts";
import {
  BETWEEN_FRAMES_MS,
  expiredClock,
  GOODBYE_MS,
  RATE_WINDOW_MS,
  STUCK_MS,
  TAKEOVER_GRACE_MS,
} from "./clocks.ts";
import { Credentials } from "./credentials.ts";
import { type Head, Input } from "./input.ts";
import type { SharedSettings } from "./shared_settings.ts";
import { Output } from "./output.ts";
import type { Arrival } from "./proxy_gate.ts";
import type { Placed, Readiness } from "./places.ts";
import { isPeerGone, Reader, type Socket } from "./reader.ts";
import { ENDS_CONNECTION, refusalOf } from "./refusal.ts";
import { sendPayload } from "./reply_payload.ts";
import type { Traffic } from "./settings.ts";
import { Turn } from "./turns.ts";

/** What all connections of one server share. */
export type ConnectionSettings = SharedSettings<Connection>;

/** Interruptions that end the request under way with a reply; for all others the peer gets a notice. */
const ENDS_REQUEST: ReadonlySet<string> = new Set(["stalled", "too_slow", "incomplete"]);

/** See the module's text. */
export class Connection implements ConnectionContext, Placed {
  readonly connectionId: number;
  readonly clientAddress: string;
  readonly log: Logger;
  readonly acceptedAt: number = performance.now();
  keepaliveMs: number;
  listNext: string | null | undefined;

  readonly #conn: Socket;
  readonly #settings: ConnectionSettings;
  readonly #credentials: Credentials;
  readonly #reader: Reader;
  readonly #input: Input;
  readonly #output: Output;
  readonly #answers: Answers;
  readonly #turn: Turn;
  #interruption: FxferError | undefined;
  #stopping: FxferError | undefined;
  #requests = 0;

  constructor(
    conn: Socket,
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
    this.#turn = new Turn(settings.turns);
    this.#credentials = new Credentials(settings.gate, {
      ...{ connectionId: id, events: settings.events },
      interrupt: (error) => this.interrupt(error),
    });
    this.#output = new Output(conn, settings.pools);
    this.#answers = new Answers({
      ...{ connection: id, address, output: this.#output, credentials: this.#credentials },
      ...{ v1Ack: settings.v1Ack, turns: settings.turns, log: this.log, events: settings.events },
      mustReply: (error) => this.#mustReply(error),
    });
    this.#reader = new Reader(conn, this.#output, settings.workload);
    this.#input = new Input(this.#reader, settings.pools);
    if (bytes !== undefined) this.#input.decode(bytes);
  }

  /** Bytes read and written so far. */
  get traffic(): Traffic {
    return { received: this.#reader.before + this.#reader.received, sent: this.#output.sent };
  }

  get identity(): Identity {
    return this.#credentials.identity;
  }
  set identity(identity: Identity) {
    this.#credentials.identity = identity;
  }

  interrupt(error: FxferError): void {
    if (this.#interruption !== undefined) return;
    this.#interruption = error;
    this.#reader.interrupt(error, error.code === "session_taken_over" ? TAKEOVER_GRACE_MS : 0);
    this.#output.interrupt(error);
    this.#credentials.interrupted();
    this.#turn.hurry();
  }

  /** See {@linkcode Placed}: inside a payload it never gives up its place, nor while it works. */
  idle(now: number): { rank: Readiness; since: number } | undefined {
    const { payloadDone, waiting, headerSince } = this.#input;
    const { writingSince } = this.#output;
    if (!payloadDone || this.#interruption !== undefined) return undefined;
    if (waiting === "handshake") return { rank: 0, since: this.acceptedAt };
    if (waiting === "idle") return { rank: 1, since: this.#reader.quietSince };
    if (waiting === "header") return { rank: 2, since: headerSince };
    const { pacedSince } = this.#turn;
    if (pacedSince > 0) return { rank: 2, since: pacedSince };
    const stuck = writingSince > 0 && now - writingSince > STUCK_MS;
    return stuck ? { rank: 2, since: writingSince } : undefined;
  }

  /**
   * Stops gracefully (S-DRN-1): a frame under way goes on, and so does a file that takes several frames.
   * The notice is sent after it.
   */
  stop(notice: FxferError): void {
    this.#stopping ??= notice;
    if (this.#answers.openFile) return;
    this.#turn.hurry();
    if (this.#input.payloadDone && this.#input.waiting !== "busy") this.interrupt(notice);
  }

  /** Closes the socket, so that a connection that does not end by itself ends. */
  abort(): void {
    this.#conn[Symbol.dispose]();
  }

  /** Interrupts the connection if one of its clocks has run out. @param now By `performance.now()`. */
  tick(now: number): void {
    const { clocks } = this.#settings;
    this.#input.tick(now);
    const { writingSince } = this.#output;
    if (clocks.stallMs > 0 && writingSince > 0 && now - writingSince > clocks.stallMs) {
      return this.interrupt(new FxferError("stalled", "Cannot send reply: the peer does not read"));
    }
    const { acceptedAt, keepaliveMs } = this;
    const { waiting, headerSince, windowAt } = this.#input;
    const { quietSince, received } = this.#reader;
    if (this.#stopping !== undefined && waiting === "idle") {
      if (now - quietSince > BETWEEN_FRAMES_MS) return this.interrupt(this.#stopping);
    }
    const view = { waiting, acceptedAt, headerSince, quietSince, keepaliveMs, windowAt, received };
    const code = expiredClock(view, clocks, now);
    if (code !== undefined) return this.interrupt(new FxferError(code));
    if (now - windowAt >= RATE_WINDOW_MS) this.#input.startRateWindow(now);
  }

  /** Serves the connection to its end. Never rejects. */
  async run(): Promise<void> {
    const { events } = this.#settings;
    const { connectionId: connection, clientAddress: address } = this;
    const tls = "handshake" in this.#conn ? { tls: true } as const : {};
    events.emit({ type: "connection.opened", connection, address, ...tls });
    let notice: FxferError | undefined;
    try {
      await this.#serve();
    } catch (error) {
      this.#turn.idle();
      if (error instanceof FxferError) notice = error;
      else this.#logFailure(error);
    }
    try {
      this.#credentials.end();
      await this.#settings.handler.closed?.(this);
    } catch (cause) {
      this.log.error("connection.failed", { cause });
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

  #logFailure(cause: unknown): void {
    if (isPeerGone(cause)) return;
    if (!(cause instanceof Deno.errors.InvalidData)) {
      return this.log.error("connection.failed", { cause });
    }
    const error = new FxferError("protocol_error", "Cannot serve: the TLS handshake failed", {
      cause,
    });
    const refused = { type: "connection.refused", address: this.clientAddress } as const;
    refusalOf(error, refused, { log: this.log, events: this.#settings.events });
    this.#reader.ended = true;
  }

  /** Serves request after request. Returns if the peer ends; throws the notice if the server ends. */
  async #serve(): Promise<void> {
    for (;;) {
      if (this.#stopping !== undefined && !this.#answers.openFile) throw this.#stopping;
      const head = this.#input.bufferedHead() ?? await this.#input.head();
      if (head === undefined) return;
      if (head.type === "fault") throw head.error;
      const others = this.#turn.look();
      // Replies that wait to be saved wait for frames that are served now, and for nothing else.
      let isHeldUp = false;
      if (this.#answers.count > 0) {
        isHeldUp = others !== undefined || !this.#runsAhead(head);
        if (!isHeldUp && !this.#input.isHere) {
          await this.#input.gather();
          isHeldUp = !this.#input.isHere;
        }
      }
      // A wait for the pace may take seconds: what was answered is sent before.
      const isPaced = others !== undefined && this.#turn.pacedSince > 0;
      if (isHeldUp || isPaced) await this.#output.flush();
      if (others !== undefined) await others; // S-FAIR-1
      const served = this.#serveOne(head);
      if (!(served instanceof Promise ? await served : served)) {
        // Whoever is displaced while a refused payload is read away is told as well.
        const { code } = this.#interruption ?? {};
        if (code !== undefined && !ENDS_REQUEST.has(code)) throw this.#interruption;
        return;
      }
      if (this.#output.full) await this.#output.flush();
    }
  }

  /** Whether a frame is a whole file that is small: then it may be saved together with those before it. */
  #runsAhead(head: Head): boolean {
    if (head.type !== "request" || head.request.action !== "transfer") return false;
    const { complete, cancel, offset } = head.request.data;
    return complete && !cancel && offset === 0 && (this.#input.isHere || this.#input.canGather);
  }

  /** One request and its reply; false when the connection ends with it. */
  #serveOne(head: Exclude<Head, { type: "fault" }>): boolean | Promise<boolean> {
    // The system sends a first reply at once, but holds a later one back until the first is acknowledged.
    if (++this.#requests === 2 && "setNoDelay" in this.#conn) this.#conn.setNoDelay(true);
    const request: Request = head.type === "request"
      ? { version: 2, frame: head.request, payload: this.#input }
      : { version: 1, frame: head.header, payload: this.#input };
    this.#answers.begin(request);
    let answer: Reply | Promise<Reply>;
    try {
      const checking = this.#credentials.check(request);
      answer = checking === undefined
        ? this.#handle(request)
        : checking.then(() => this.#handle(request));
    } catch (error) {
      return this.#fail(request, error);
    }
    // An answer that is here is not waited for: a wait takes a tenth of a small frame's memory and time.
    if (!(answer instanceof Promise)) return this.#reply(request, answer);
    return answer.then(
      (reply) => this.#reply(request, reply),
      (error) => this.#fail(request, error),
    );
  }

  #handle(request: Request): Reply | Promise<Reply> {
    this.#answers.mustHaveSession();
    return this.#settings.handler.handle(this.#credentials.held(request), this);
  }

  /** Answers a request that failed; as {@linkcode Connection.#serveOne}. */
  #fail(request: Request, error: unknown): boolean | Promise<boolean> {
    this.#mustReply(error);
    return this.#reply(request, { body: this.#answers.refuse(error, request) }, true);
  }

  /** A client that lost its session (S-TAKE-2) gets one notice, and not this error as a reply as well. */
  #mustReply(error: unknown): void {
    if (error instanceof FxferError && error.code === "session_taken_over") throw error;
    if (this.#interruption !== undefined && !ENDS_REQUEST.has(this.#interruption.code)) {
      const same = error instanceof FxferError && error.code === this.#interruption.code;
      throw same ? error : this.#interruption;
    }
  }

  #reply(request: Request, reply: Reply, failed = false): boolean | Promise<boolean> {
    this.#answers.add(request, reply);
    if (failed || reply.body.code === "pong") this.#turn.idle();
    if (reply.payload === undefined) return this.#goOn(reply, failed);
    if (this.#requests === 1 && "setNoDelay" in this.#conn) this.#conn.setNoDelay(true);
    const payload = this.#credentials.paced(reply.payload);
    const sending = sendPayload(this.#output, payload, this.#settings, () => this.#interruption);
    return sending === undefined
      ? this.#goOn(reply, failed)
      : sending.then(() => this.#goOn(reply, failed));
  }

  /** Whether the connection goes on after a reply. */
  #goOn(reply: Reply, failed: boolean): boolean | Promise<boolean> {
    if (this.#interruption !== undefined) {
      if (failed) return false;
      throw this.#interruption;
    }
    if (reply.close === true || ENDS_CONNECTION.has(reply.body.code)) return false;
    if (this.#credentials.broken) return false;
    const { payloadDone } = this.#input;
    return payloadDone || this.#input.skipPayload(this.#settings.drain) || this.#discard();
  }

  /** S-TRF-8: the reply first, then what was refused is read away; false if it was not, to its end. */
  async #discard(): Promise<boolean> {
    await this.#output.flush();
    const isAway = await this.#input.discardPayload(this.#settings.drain);
    if (!isAway && this.#interruption !== undefined) throw this.#interruption; // S-NOT-1
    return isAway;
  }

  /** The last frame, the closing of the writing half, reading to EOF, close (S-DIS-2, S-TRF-8). */
  async #goodbye(notice: FxferError | undefined): Promise<void> {
    try {
      if (this.#input.version === 1) {
        // Nothing is written before EOF has been read (S-VER-3).
        await this.#reader.linger(this.#settings.drain);
        this.#answers.finishV1(notice);
      } else {
        // Frames whose save has failed get no reply, but the notice that tells why.
        await this.#answers.release()?.catch(() => {});
        this.#answers.notice(notice);
      }
      // A write that is stuck can be neither finished nor taken back, and closeWrite would wait for it.
      if (this.#output.broken) return;
      const sending = Promise.resolve(this.#output.flush());
      if (this.#interruption === undefined) await sending;
      else if (await within(GOODBYE_MS, sending) === LATE) return;
      // The peer has ended and all of it was read, so closing cannot reset the connection.
      if (this.#reader.ended) return;
      await this.#conn.closeWrite();
      await this.#reader.linger(this.#settings.drain);
    } catch (error) {
      if (!(error instanceof FxferError)) this.#logFailure(error);
    } finally {
      this.#input.release();
      this.#output.release();
      this.#conn[Symbol.dispose]();
    }
  }
}
