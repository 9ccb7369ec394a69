/** One TCP connection of a client: bytes out, replies in, closed at any moment. @module */
import type { Endpoint } from "../address.ts";
import type { FxferError } from "../errors.ts";
import type { FrameMacs } from "../keys/mod.ts";
import { type DecodeEvent, Decoder, type ReplyFrame } from "../protocol/mod.ts";
import { within } from "../within.ts";
import { lost } from "./client_errors.ts";
import { dial } from "./dial.ts";
import type { ResolvedOptions } from "./options.ts";

/** Replies have a few hundred bytes each: one read takes all replies to a full window of requests. */
const READ_BYTES = 16 * 1024;

/** For the payload of a fetch: smaller buffers cost more system calls, larger ones the processor's cache. */
const PAYLOAD_READ_BYTES = 256 * 1024;

/** How much of the first answer is kept, to tell another protocol by it. */
const GREETING_BYTES = 64;

/** How long the server may take to close its side after the client has closed its own (S-DIS-2). */
export const CLOSE_TIMEOUT_MS = 2000;

/** One connection, used by the handshake and then by a connection runner, or by a V1 sender. */
export class ClientConnection {
  /** When bytes last came in, by the clock handed in. */
  heardAt: number;
  /** When bytes last went out. */
  sentAt: number;
  /** The start of what came in first, a character for each byte; empty if nothing came in. */
  greeting = "";
  /** The server at the other end. */
  readonly server: Endpoint;
  readonly #conn: Deno.Conn;
  readonly #now: () => number;
  /** The codes of all frames after the handshake, where both ends make them (S-MAC-1). */
  macs: FrameMacs | undefined;
  readonly #decoder = new Decoder({ role: "client" });
  #buffer = new Uint8Array(READ_BYTES);
  #events: DecodeEvent[] = [];
  #nextEvent = 0;
  readonly #closing = new AbortController();
  /** Called whenever all that has come is received, and more is waited for. */
  onWait: (() => void) | undefined;
  /**
   * The rejections of what is waited for. A close calls them all, because on Deno 2.6 the close does not
   * end a write that is stuck, and nothing ends the read of a disk that does not answer.
   */
  #pending: ((reason: unknown) => void)[] = [];

  private constructor(server: Endpoint, conn: Deno.Conn, now: () => number) {
    this.server = server;
    this.#conn = conn;
    this.#now = now;
    this.heardAt = this.sentAt = now();
  }

  /** Connects, as {@linkcode dial}. */
  static async open(
    server: Endpoint,
    { now, verifier }: Pick<ResolvedOptions, "now" | "verifier">,
    signal: AbortSignal,
  ): Promise<ClientConnection> {
    return new ClientConnection(server, await dial(server, signal, verifier), now);
  }

  /** Aborts when this end closes the connection. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Writes all of `bytes`. @throws {FxferError} `connection_lost`. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.untilClosed(this.#conn.write(at === 0 ? bytes : bytes.subarray(at)));
      }
      this.sentAt = this.#now();
    } catch (cause) {
      throw lost("send to", this.server, "the connection was lost", { cause });
    }
  }

  /**
   * The next reply or notice; undefined when the server has closed its side. What is left of the payload of
   * the reply before is skipped.
   *
   * @throws {FxferError} `connection_lost`; the decoder's code when the bytes are no v2 reply.
   */
  async receive(): Promise<ReplyFrame | undefined> {
    for (let event; (event = await this.#next()) !== undefined;) {
      if (event.type === "reply") return this.#checked(event.reply);
    }
  }

  /** The next reply if it has come already: whoever takes all that have come waits once for them. */
  receiveNow(): ReplyFrame | undefined {
    let event = this.#events[this.#nextEvent];
    if (event?.type === "end") event = this.#events[++this.#nextEvent];
    if (event?.type !== "reply") return undefined;
    this.#nextEvent++;
    return this.#checked(event.reply);
  }

  /**
   * The next piece of the payload of the reply that was received last, valid until the next call; undefined
   * at its end.
   *
   * @throws {FxferError} `connection_lost`, also if the server closed its side inside the payload (S-GET-2).
   */
  async receivePayload(): Promise<Uint8Array | undefined> {
    const event = await this.#next();
    if (event === undefined) throw lost("read reply of", this.server, "it ended inside a file");
    return event.type === "payload" ? event.bytes : undefined;
  }

  /** The same at once, where {@linkcode hasMore} says that it is here. */
  receivePayloadNow(): Uint8Array | undefined {
    const event = this.#take();
    return event.type === "payload" ? event.bytes : undefined;
  }

  /** Whether more has come than was received. */
  get hasMore(): boolean {
    return this.#nextEvent < this.#events.length;
  }

  /** Bytes of payload that are still to come for the reply that was received last. */
  get payloadLeft(): number {
    return this.#decoder.payloadRemaining;
  }

  async #next(): Promise<DecodeEvent | undefined> {
    while (this.#nextEvent === this.#events.length) {
      if (this.payloadLeft > 0 && this.#buffer.length === READ_BYTES) {
        this.#buffer = new Uint8Array(PAYLOAD_READ_BYTES);
      }
      this.onWait?.();
      const bytes = await this.read();
      if (bytes === undefined) return undefined;
      this.#events = this.#decoder.push(bytes);
      this.#nextEvent = 0;
    }
    return this.#take();
  }

  #take(): DecodeEvent {
    const event = this.#events[this.#nextEvent++]!;
    if (event.type === "fault") throw event.error;
    return event;
  }

  #checked(reply: ReplyFrame): ReplyFrame {
    try {
      this.macs?.check(reply.header.session.mac, reply.signed);
      return reply;
    } catch (cause) {
      throw lost("go on with", this.server, "a reply was changed on its way", { cause });
    }
  }

  /**
   * The next bytes as they came, valid until the next call; undefined when the server has closed its
   * side. For others only answers of version 1, and to wait for that close.
   */
  async read(): Promise<Uint8Array | undefined> {
    try {
      const count = await this.untilClosed(this.#conn.read(this.#buffer));
      if (count === null) return undefined;
      this.heardAt = this.#now();
      const bytes = this.#buffer.subarray(0, count);
      const kept = bytes.subarray(0, GREETING_BYTES - this.greeting.length);
      if (kept.length > 0) this.greeting += String.fromCharCode(...kept);
      return bytes;
    } catch (cause) {
      throw lost("read reply of", this.server, "the connection was lost", { cause });
    }
  }

  /** Closes the writing half: the server reads to its end and may still answer. */
  async closeWrite(): Promise<void> {
    // This fails only where the connection is gone, and then there is nothing left to close.
    await this.#conn.closeWrite().catch(() => {});
  }

  /** The orderly end (S-DIS-2): closes the writing half, waits 2 s for the server's end, closes. */
  async finish(): Promise<void> {
    const ended = this.closeWrite().then(async () => {
      while (await this.read() !== undefined);
    });
    // A read that fails is an end as well: the server has closed the connection on its own.
    await within(CLOSE_TIMEOUT_MS, ended.catch(() => {}));
    this.close();
  }

  /** Closes at once; reads and writes under way fail. */
  close(): void {
    if (this.closed.aborted) return;
    this.#closing.abort();
    this.#conn.close();
    for (const reject of this.#pending) reject(this.#closedError());
  }

  /** Waits for anything, but not beyond the close. @throws {FxferError} `connection_lost` by the close. */
  untilClosed<T>(operation: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.closed.aborted) reject(this.#closedError());
      this.#pending.push(reject);
      operation.then(resolve, reject).finally(() =>
        this.#pending = this.#pending.filter((other) => other !== reject)
      );
    });
  }

  #closedError(): FxferError {
    return lost("use connection to", this.server, "it is closed");
  }
}
