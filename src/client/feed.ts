/**
 * Where an upload's bytes come from, frame by frame.
 *
 * A source of known size is cut on a fixed grid and read again whenever a frame is sent again. A
 * source that can be read only once is gathered into chunks, kept until the server has answered
 * them: what must be in memory is bounded by the window times the chunk.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { blobSource, bytesSource } from "./source.ts";
import type { Source, SourceInput } from "./types.ts";

/** How far the frame goes that starts at an offset. */
export interface FrameSpan {
  readonly end: number;
  /** Whether the file ends with it. */
  readonly last: boolean;
}

/** The bytes of one upload; see the module's text. */
export interface Feed {
  /** Bytes in all; undefined while unknown. */
  readonly size: number | undefined;
  /** The frame that starts at `offset`; undefined if `prepare` must be awaited first. */
  cut(offset: number, frameSize: number): FrameSpan | undefined;
  /** Makes the frame at `offset` ready. */
  prepare(offset: number, frameSize: number): Promise<void>;
  /** Bytes that are in memory; undefined if they must be read. */
  view(offset: number, length: number): Uint8Array | undefined;
  /** As {@linkcode Source.read}. */
  read(into: Uint8Array, offset: number): Promise<number | null>;
  /** The server has all bytes below `offset`. */
  release(offset: number): void;
  /** As {@linkcode Source.changed}; absent means never. */
  readonly changed?: (() => Promise<boolean>) | undefined;
  /** No more is needed: a later read fails. */
  close(reason?: unknown): void;
}

/**
 * What a caller sends, as a feed.
 *
 * @throws {TypeError} If it is none of the kinds that can be sent.
 */
export function feedOf(input: SourceInput): Feed {
  if (input instanceof Uint8Array) return new SizedFeed(bytesSource(input), input.length);
  if (input instanceof Blob) return new SizedFeed(blobSource(input), input.size);
  if (input instanceof ReadableStream) return new GatheringFeed(streamReader(input));
  if (typeof input?.read === "function") {
    return input.size === undefined
      ? new GatheringFeed(sourceReader(input))
      : new SizedFeed(input, input.size);
  }
  throw new TypeError("Cannot send: source must be bytes, a Blob, a stream or a Source");
}

class SizedFeed implements Feed {
  readonly size: number;
  readonly changed: (() => Promise<boolean>) | undefined;
  readonly #source: Source;
  #closed = false;

  constructor(source: Source, size: number) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError("Cannot send: size must be an integer from 0 to 2^53-1");
    }
    this.size = size;
    this.#source = source;
    this.changed = source.changed && (async () => !this.#closed && await source.changed!());
  }

  cut(offset: number, frameSize: number): FrameSpan {
    // On a grid: a frame that goes on after a cut ends where it was to end before (S-SEQ-1).
    const end = Math.min(this.size, (Math.floor(offset / frameSize) + 1) * frameSize);
    return { end, last: end === this.size };
  }
  prepare(): Promise<void> {
    return Promise.resolve();
  }
  view(offset: number, length: number): Uint8Array | undefined {
    return this.#source.view?.(offset, length);
  }
  async read(into: Uint8Array, offset: number): Promise<number | null> {
    // A source may open itself again when it is read.
    if (this.#closed) throw new FxferError("interrupted", "Cannot read source: it was closed");
    return await this.#source.read(into, offset);
  }
  release(): void {}
  close(): void {
    this.#closed = true;
    this.#source.close?.();
  }
}

/** Hands on the next bytes of something that is read once; undefined at the end. */
interface Reader {
  next(): Promise<Uint8Array | undefined>;
  close(reason?: unknown): void;
}

interface Chunk {
  readonly start: number;
  readonly bytes: Uint8Array;
  last: boolean;
}

class GatheringFeed implements Feed {
  readonly size: undefined;
  readonly #reader: Reader;
  #chunks: Chunk[] = [];
  /** Bytes gathered in all, kept or not. */
  #end = 0;
  /** Bytes that came in but did not fit into a chunk any more. */
  #rest: Uint8Array | undefined = new Uint8Array(0);
  #closed = false;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  cut(offset: number): FrameSpan | undefined {
    const chunk = this.#find(offset);
    return chunk && { end: chunk.start + chunk.bytes.length, last: chunk.last };
  }

  async prepare(offset: number, frameSize: number): Promise<void> {
    if (this.#find(offset) !== undefined) return;
    if (offset !== this.#end) {
      throw new FxferError("local_io", "Cannot send stream again: its first bytes are gone");
    }
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      // Also when the chunk is full: only what follows tells whether it is the last.
      while (this.#rest?.length === 0) this.#rest = await this.#next();
      if (this.#rest === undefined || length === frameSize) break;
      const part = this.#rest.subarray(0, frameSize - length);
      this.#rest = this.#rest.subarray(part.length);
      parts.push(part);
      length += part.length;
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#chunks.push({ start: this.#end, bytes, last: this.#rest === undefined });
    this.#end += length;
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#reader.next();
      // A closed reader looks like one at its end: half a file must not pass for a whole one.
      if (this.#closed) throw new FxferError("interrupted", "Cannot read source: it was closed");
      return bytes;
    } catch (cause) {
      if (cause instanceof FxferError) throw cause;
      throw new FxferError("local_io", "Cannot read source: it failed", { cause });
    }
  }

  view(offset: number, length: number): Uint8Array {
    const chunk = this.#find(offset);
    const at = chunk === undefined ? 0 : offset - chunk.start;
    return chunk?.bytes.subarray(at, at + length) ?? new Uint8Array(0);
  }

  async read(into: Uint8Array, offset: number): Promise<number | null> {
    await this.prepare(offset, into.length);
    const bytes = this.view(offset, into.length);
    into.set(bytes);
    return bytes.length === 0 ? null : bytes.length;
  }

  release(offset: number): void {
    this.#chunks = this.#chunks.filter((chunk) =>
      chunk.last || chunk.start + chunk.bytes.length > offset
    );
  }

  close(reason?: unknown): void {
    this.#closed = true;
    this.#chunks = [];
    this.#reader.close(reason);
  }

  #find(offset: number): Chunk | undefined {
    return this.#chunks.find(({ start, bytes, last }) =>
      offset >= start && (offset < start + bytes.length || (last && offset === this.#end))
    );
  }
}

function streamReader(stream: ReadableStream<Uint8Array>): Reader {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      if (done) return undefined;
      if (!(value instanceof Uint8Array)) {
        throw new TypeError("Cannot send stream: a chunk is no Uint8Array");
      }
      return value;
    },
    // A stream that fails to be cancelled is as useless as a cancelled one.
    close: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}

function sourceReader(source: Source): Reader {
  let offset = 0;
  return {
    next: async () => {
      const buffer = new Uint8Array(64 * 1024);
      const count = await source.read(buffer, offset);
      offset += count ?? 0;
      return count === null ? undefined : buffer.subarray(0, count);
    },
    close: () => source.close?.(),
  };
}
