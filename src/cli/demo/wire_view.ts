/**
 * Reads along with a connection: which frames cross the wire, and how many bytes are the frames' own.
 *
 * It sees copies of the bytes a proxy forwards and decodes them with the program's own decoder, so
 * what it shows is what was sent, not what the client meant to send.
 *
 * @module
 */
import type { Direction } from "../../chaos/mod.ts";
import { Decoder, type ReplyFrame, type RequestFrame } from "../../protocol/mod.ts";

/** One frame that crossed. */
export interface SeenFrame {
  readonly connection: number;
  readonly frame:
    | { readonly kind: "request"; readonly request: RequestFrame }
    | { readonly kind: "reply"; readonly reply: ReplyFrame };
  /** Bytes of header, LF and session data. */
  readonly overhead: number;
}

/** What crossed in all. */
export interface WireTotals {
  /** Frames in both directions. */
  readonly frames: number;
  /** Bytes of them that belong to no file. */
  readonly overhead: number;
  /** Bytes of files. */
  readonly payload: number;
}

/** Both directions of all connections of a proxy; hand its `feed` to `onBytes`. */
export class WireView {
  readonly #onFrame: (seen: SeenFrame) => void;
  readonly #streams = new Map<string, Stream>();

  /** @param onFrame Called when a frame's header and session data are through, in order. */
  constructor(onFrame: (seen: SeenFrame) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes what was forwarded. */
  readonly feed = (connection: number, direction: Direction, bytes: Uint8Array): void => {
    const key = `${connection} ${direction}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new Stream(direction === "up" ? "server" : "client", (frame, overhead) => {
        this.#onFrame({ connection, frame, overhead });
      });
      this.#streams.set(key, stream);
    }
    stream.feed(bytes);
  };

  /** File bytes that crossed on one connection. */
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

type OnFrame = (frame: SeenFrame["frame"], overhead: number) => void;

/** One direction of one connection. */
class Stream {
  frames = 0;
  overhead = 0;
  payload = 0;
  readonly #decoder: Decoder;
  readonly #onFrame: OnFrame;
  /** Bytes of the frame under way that are no file's. */
  #own = 0;
  /** File bytes the frame under way still owes. */
  #owed = 0;

  constructor(role: "server" | "client", onFrame: OnFrame) {
    this.#decoder = new Decoder({ role });
    this.#onFrame = onFrame;
  }

  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      // Outside payloads byte by byte: only so is it known where a frame's own bytes end.
      const length = this.#owed > 0 ? Math.min(this.#owed, bytes.length - at) : 1;
      this.#push(bytes.subarray(at, at + length));
      at += length;
    }
  }

  #push(bytes: Uint8Array): void {
    if (this.#owed > 0) {
      this.#owed -= bytes.length;
      this.payload += bytes.length;
    } else {
      this.#own += bytes.length;
      this.overhead += bytes.length;
    }
    for (const event of this.#decoder.push(bytes)) {
      if (event.type === "request") {
        this.#owed = event.request.header.size;
        this.#seen({ kind: "request", request: event.request });
      } else if (event.type === "reply") {
        this.#seen({ kind: "reply", reply: event.reply });
      }
    }
  }

  #seen(frame: SeenFrame["frame"]): void {
    this.frames++;
    this.#onFrame(frame, this.#own);
    this.#own = 0;
  }
}
