/**
 * The reading half of a connection: makes requests of bytes, and hands out the payload of the request under
 * way.
 *
 * Bytes that are handed out are valid until the next read but one. The server reads only when the handler
 * asks for bytes, so TCP slows down a client that sends faster than its files are stored.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Payload } from "../handler/mod.ts";
import { type DecodeEvent, Decoder, MAX_DRAIN_MS } from "../protocol/mod.ts";
import { type BufferPools, ReadBuffers, SMALL_BUFFER_BYTES } from "./buffers.ts";
import { RATE_GRACE_MS, type Waiting } from "./clocks.ts";
import type { Drain } from "./drain.ts";
import { incomplete, NOWHERE, type Reader, throwIncomplete } from "./reader.ts";

/** The event that begins a request, or the fault after which no request can be read any more. */
export type Head = Exclude<DecodeEvent, { type: "payload" | "end" | "reply" }>;

/** So many frames are decoded at a time: what is decoded and not served yet takes memory, on each connection. */
const FRAMES_AT_A_TIME = 4;

/** For how long a small file is gathered in memory before it is treated as a stream (S-TRF-4). */
const GATHER_MS = 1000;

const NOTHING = new Uint8Array(0);

/** Reads the requests of one connection. Calls come one at a time. */
export class Input implements Payload {
  /** Bytes of the payload under way. */
  size = 0;
  /** Whether the handler has taken that payload to its end. */
  payloadDone = true;

  readonly #reader: Reader;
  readonly #buffers: ReadBuffers;
  readonly #decoder = new Decoder();

  /** What the decoder made of the last bytes; `#at` is the first event that was not handed out. */
  #events: DecodeEvent[] = [];
  #at = 0;
  /** What was read and is not decoded yet. */
  #rest: Uint8Array = NOTHING;
  /** When `whole` began to gather; 0 while it does not. */
  #gatherSince = 0;
  /** Ends the wait of `whole` for the read under way. */
  #stopGathering: (() => void) | undefined;
  /** The read that `whole` did not wait for any longer: the next bytes. */
  #late: { readonly buffer: Uint8Array; readonly count: Promise<number | null> } | undefined;
  /** The bytes that `whole` had gathered when it gave up. */
  #gathered: Uint8Array = NOTHING;
  #failure: unknown;
  /** Whether the last read brought as much as a small buffer holds, so that as much may be waiting again. */
  #more = false;
  #heads = 0;
  /** When the wait for the rest of a header began; 0 while none has begun. */
  headerSince = 0;
  /** When the rate window of the payload under way began; the reader's `received` counts its bytes. */
  windowAt = 0;

  constructor(reader: Reader, pools: BufferPools) {
    this.#reader = reader;
    this.#buffers = new ReadBuffers(pools);
  }

  /** The wire version of this connection; undefined before its first header. */
  get version(): 1 | 2 | undefined {
    return this.#decoder.version;
  }

  /** What this connection waits for right now. */
  get waiting(): Waiting {
    if (!this.#reader.waiting) return "busy";
    if (!this.payloadDone) return "payload";
    if (this.#heads === 0) return "handshake";
    return this.#decoder.headerStarted ? "header" : "idle";
  }

  /** The next head if its bytes are here already; to be called before {@linkcode Input.head}. */
  bufferedHead(): Head | undefined {
    for (;;) {
      while (this.#at < this.#events.length) {
        const event = this.#events[this.#at++]!;
        if (event.type === "request") return this.#begin(event, event.request.header.size);
        if (event.type === "v1") return this.#begin(event, event.header.size);
        if (event.type === "fault") return event;
      }
      if (this.#rest.length === 0) return undefined;
      this.decode(this.#rest);
    }
  }

  /** The next head; undefined when the peer has ended between frames. */
  async head(): Promise<Head | undefined> {
    for (;;) {
      const head = this.bufferedHead();
      if (head !== undefined) return head;
      const buffer = this.#buffers.forHead(this.size, this.#more);
      if (!this.#decodeRead(buffer, await this.#read(buffer))) {
        const fault = this.#decoder.end();
        return fault?.type === "fault" ? fault : undefined;
      }
    }
  }

  #begin(head: Head, size: number): Head {
    this.size = size;
    this.#heads++;
    this.headerSince = 0;
    this.#gathered = NOTHING;
    this.#failure = undefined;
    this.payloadDone = size === 0;
    this.startRateWindow(this.#reader.lastByteAt + RATE_GRACE_MS);
    return head;
  }

  /** Whether the whole payload is here. */
  get isHere(): boolean {
    const event = this.#events[this.#at];
    return this.payloadDone || (event?.type === "payload" && event.bytes.length === this.size);
  }

  get inBurst(): boolean {
    return this.#reader.holdsReplies || this.#rest.length > 0 || this.#at < this.#events.length;
  }

  get crowded(): boolean {
    return this.#reader.workload.busy > 1;
  }

  whole(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    if (this.size === 0) return NOTHING;
    const event = this.#events[this.#at];
    if (event?.type === "payload" && event.bytes.length === this.size) {
      this.#at += 2; // the payload and its end
      this.payloadDone = true;
      return event.bytes;
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#late !== undefined || this.#gathered.length > 0) return Promise.resolve(undefined);
    return this.canGather ? this.#gather() : undefined;
  }

  /** Whether the rest of the payload could be read into memory. */
  get canGather(): boolean {
    return this.#buffers.canGather(this.size);
  }

  /** Reads the rest of the payload into memory; a failure shows when the request is served. */
  async gather(): Promise<void> {
    const bytes = await this.#gather().catch(() => undefined);
    if (bytes === undefined) return;
    this.#events = [{ type: "payload", bytes }, { type: "end" }];
    this.#at = 0;
    this.payloadDone = false;
  }

  /**
   * Reads into one buffer up to the payload's end, and what comes behind it as far as there is room: to read the
   * end by itself would take a read, and a save and a write of replies, of its own; see {@linkcode Payload.whole}.
   */
  async #gather(): Promise<Uint8Array | undefined> {
    const event = this.#events[this.#at++];
    const begun = event?.type === "payload" ? event.bytes : NOTHING;
    const { size } = this;
    const buffer = this.#buffers.forWhole(begun, size);
    this.#gatherSince = this.#reader.lastByteAt;
    let filled = begun.length;
    try {
      while (filled < size) {
        const rest = buffer.subarray(filled);
        const count = this.#reader.read(rest);
        const n = await new Promise<number | null | undefined>((resolve, reject) => {
          this.#stopGathering = () => resolve(undefined);
          count.then(resolve, reject);
        });
        if (n === undefined) {
          this.#gathered = buffer.subarray(0, filled);
          this.#late = { buffer: rest, count };
          return undefined;
        }
        if (n === null) throw incomplete();
        this.#more = n >= SMALL_BUFFER_BYTES;
        const end = Math.min(filled + n, size);
        this.#decoder.push(buffer.subarray(filled, end));
        if (filled + n > size) this.#rest = buffer.subarray(size, filled + n);
        filled = end;
      }
    } catch (error) {
      this.#gathered = buffer.subarray(0, filled);
      this.#failure = incomplete(error);
      throw this.#failure;
    } finally {
      this.#gatherSince = 0;
    }
    this.payloadDone = true;
    return buffer.subarray(0, filled);
  }

  /** @param into Where to read, instead of into a lent buffer. */
  async next(into?: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#gathered.length > 0) {
      const bytes = this.#gathered;
      this.#gathered = NOTHING;
      return bytes;
    }
    if (this.#failure !== undefined) throw this.#failure;
    while (!this.payloadDone) {
      if (this.#at < this.#events.length) {
        const event = this.#events[this.#at++]!;
        if (event.type === "payload") return event.bytes;
        this.payloadDone = event.type === "end";
      } else {
        const late = this.#late;
        this.#late = undefined;
        const { payloadRemaining } = this.#decoder;
        const buffer = late?.buffer ?? into?.subarray(0, payloadRemaining) ??
          this.#buffers.forPayload(payloadRemaining);
        const count = late?.count ?? this.#read(buffer);
        if (!this.#decodeRead(buffer, await count.catch(throwIncomplete))) throw incomplete();
      }
    }
    return undefined;
  }

  // Callers await this and then call `#decodeRead`: an async function around both would cost each waiting
  // connection 400 bytes.
  #read(buffer: Uint8Array): Promise<number | null> {
    if (this.headerSince === 0 && this.#decoder.headerStarted) this.headerSince = performance.now();
    return this.#reader.read(buffer);
  }

  /** Decodes the `count` bytes of a read; false at the end. */
  #decodeRead(buffer: Uint8Array, count: number | null): boolean {
    if (count === null) return false;
    this.#more = count >= SMALL_BUFFER_BYTES;
    this.decode(buffer.subarray(0, count));
    return true;
  }

  /** Looks whether a small file has been gathered for too long, also while no bytes come. */
  tick(now: number): void {
    if (this.#gatherSince > 0 && now - this.#gatherSince > GATHER_MS) this.#stopGathering?.();
  }

  /** Decodes bytes that were read, or that came with a proxy's header before the first read. */
  decode(bytes: Uint8Array): void {
    this.#events = this.#decoder.push(bytes, FRAMES_AT_A_TIME);
    this.#at = 0;
    const { taken } = this.#decoder;
    this.#rest = taken === bytes.length ? NOTHING : bytes.subarray(taken);
  }

  /** Passes over a refused payload that is here already; false if it is not, or if the drain has to wait. */
  skipPayload(drain: Drain): boolean {
    const event = this.#events[this.#at];
    if (event?.type !== "payload" || event.bytes.length !== this.size) return false;
    if (drain.waitMs > 0) return false;
    drain.took(this.size);
    this.size = 0;
    this.#at += 2; // the payload and its end
    return this.payloadDone = true;
  }

  /** Reads the rest of a refused payload away (S-TRF-8): true at its end, false if a limit came first. */
  async discardPayload(drain: Drain): Promise<boolean> {
    let left = drain.begin();
    this.size = 0; // no large buffer for the next header: its payload may be refused as well
    const deadline = performance.now() + MAX_DRAIN_MS;
    const timer = setTimeout(() => this.#reader.cancel(new FxferError("stalled")), MAX_DRAIN_MS);
    try {
      for (;;) {
        await drain.ready(() => this.#reader.interrupted || performance.now() > deadline);
        const bytes = await this.next(NOWHERE);
        if (bytes === undefined) return true;
        left -= bytes.length;
        drain.took(bytes.length);
        if (left < 0 || performance.now() > deadline) return false;
      }
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      drain.end();
    }
  }

  /** Begins a new rate window, at the start of a payload or after a window that was fast enough. */
  startRateWindow(now: number): void {
    this.windowAt = now;
    this.#reader.before += this.#reader.received;
    this.#reader.received = 0;
  }

  /** Gives the lent buffers back; nothing else is called after it. */
  release(): void {
    this.#buffers.release(this.#reader.busy);
  }
}
