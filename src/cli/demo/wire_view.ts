/**
 * Decodes the bytes that a proxy forwards: which frames cross the wire, and how many bytes of them
 * belong to no file. So demo, watch and learn show what was really sent, not what was meant to be sent.
 *
 * @module
 */
import type { Direction } from "../../chaos/mod.ts";
import { type DecodeEvent, Decoder } from "../../protocol/mod.ts";

/** One frame that was forwarded. */
export interface SeenFrame {
  /** Counts from 0. */
  readonly connection: number;
  readonly frame: Extract<DecodeEvent, { readonly type: "request" | "reply" }>;
  /** Bytes of header, LF and session data. */
  readonly overhead: number;
}

/** The sum of what was forwarded. */
export interface WireTotals {
  /** Frames in both directions. */
  readonly frames: number;
  /** Bytes of frames that belong to no file. */
  readonly overhead: number;
  readonly payload: number;
}

/** Watches all connections of a proxy; pass its `feed` to the proxy as `onBytes`. */
export class WireView {
  readonly #onFrame: (seen: SeenFrame) => void;
  readonly #onUnread: (connection: number) => void;
  readonly #streams = new Map<string, Stream>();

  /**
   * @param onFrame Called for each frame, in order, once its header and data were forwarded.
   * @param onUnread Called when one direction of a connection is found not to be frames of version 2.
   */
  constructor(
    onFrame: (seen: SeenFrame) => void,
    onUnread: (connection: number) => void = () => {},
  ) {
    this.#onFrame = onFrame;
    this.#onUnread = onUnread;
  }

  /** Takes forwarded bytes. */
  readonly feed = (connection: number, direction: Direction, bytes: Uint8Array): void => {
    const key = `${connection} ${direction}`;
    const stream = this.#streams.get(key) ?? new Stream(
      direction === "up" ? "server" : "client",
      (seen) => this.#onFrame({ connection, ...seen }),
      () => this.#onUnread(connection),
    );
    this.#streams.set(key, stream);
    stream.feed(bytes);
  };

  /** Bytes of files that were forwarded on one connection. */
  payloadOf(connection: number): number {
    return this.#streams.get(`${connection} up`)?.payload ?? 0;
  }

  /** The sum of all connections so far. */
  get totals(): WireTotals {
    const sum = { frames: 0, overhead: 0, payload: 0 };
    for (const { frames, overhead, payload } of this.#streams.values()) {
      sum.frames += frames;
      sum.overhead += overhead;
      sum.payload += payload;
    }
    return sum;
  }
}

/** One direction of one connection. */
class Stream {
  frames = 0;
  overhead = 0;
  payload = 0;
  readonly #decoder: Decoder;
  readonly #onFrame: (seen: Omit<SeenFrame, "connection">) => void;
  readonly #onUnread: () => void;
  /** Whether the bytes are no frames: from then on they are not looked at. */
  #isUnread = false;
  /** Bytes of the current frame that belong to no file, so far. */
  #frameOverhead = 0;
  /** Bytes of a file that the current frame still has to bring. */
  #payloadLeft = 0;

  constructor(
    role: "server" | "client",
    onFrame: (seen: Omit<SeenFrame, "connection">) => void,
    onUnread: () => void,
  ) {
    this.#decoder = new Decoder({ role });
    this.#onFrame = onFrame;
    this.#onUnread = onUnread;
  }

  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#isUnread;) {
      // Outside payloads one byte at a time, to know exactly where the payload begins.
      const length = this.#payloadLeft > 0 ? Math.min(this.#payloadLeft, bytes.length - at) : 1;
      this.#push(bytes.subarray(at, at + length));
      at += length;
    }
  }

  #push(bytes: Uint8Array): void {
    if (this.#payloadLeft > 0) {
      this.#payloadLeft -= bytes.length;
      this.payload += bytes.length;
    } else {
      this.#frameOverhead += bytes.length;
      this.overhead += bytes.length;
    }
    for (const event of this.#decoder.push(bytes)) {
      if (event.type === "v1" || event.type === "fault") {
        this.#isUnread = true;
        this.#onUnread();
        return;
      }
      if (event.type !== "request" && event.type !== "reply") continue;
      const { header } = event.type === "request" ? event.request : event.reply;
      this.#payloadLeft = header.size;
      this.frames++;
      this.#onFrame({ frame: event, overhead: this.#frameOverhead });
      this.#frameOverhead = 0;
    }
  }
}
