/** Where the bytes of an outgoing file come from, frame by frame. @module */
import { FxferError } from "../errors.ts";
import type { TransferData } from "../protocol/mod.ts";
import { localError, sourceChanged } from "./client_errors.ts";
import { blobSource, bytesSource, type Source, type SourceInput } from "./source.ts";

/** The first bytes of a frame are read before the frame begins, at most so many. */
export const FIRST_BYTES: number = 64 * 1024;

/** How far the frame goes that starts at an offset. */
export interface FrameSpan {
  readonly end: number;
  /** Whether the file ends with this frame. */
  readonly last: boolean;
}

/** The part of a file that one frame carries. */
export interface FilePart {
  readonly start: number;
  readonly end: number;
  /** Kept with the frame, because a repeated request must have the same session data (S-SEQ-1). */
  readonly data: TransferData;
}

/** The bytes of one outgoing file. */
export interface FrameSource extends Pick<Source, "size" | "read"> {
  /** The frame that starts at `offset`; undefined if `prepare` must be awaited first. */
  span(offset: number, frameSize: number): FrameSpan | undefined;
  /** Makes the frame at `offset` ready: its first bytes, or the `whole` frame, are then in memory. */
  prepare(offset: number, frameSize: number, whole?: boolean): Promise<void>;
  /** Makes a small source ready in one frame without waiting; false or absent if `prepare` must be awaited. */
  prepareNow?(): boolean;
  /** The bytes at `offset` that are in memory, at most `length`; none if they must be read. */
  view(offset: number, length: number): Uint8Array;
  /** The bytes that are in memory were copied, and nothing else reads them: they may be overwritten. */
  forget(): void;
  /** The server has all bytes below `offset`: the client does not ask for them again. */
  release(offset: number): void;
  /** As {@linkcode Source.changed}; absent means never. */
  readonly changed?: (() => Promise<boolean>) | undefined;
  /** Nothing more is needed: a later read fails. */
  close(reason?: unknown): void;
}

/** A frame source for what a program gave to `send`. @throws {TypeError} If it cannot be sent. */
export function frameSourceOf(input: SourceInput): FrameSource {
  if (isStream(input)) return new GatheringFrameSource(streamReader(input));
  const source = input instanceof Uint8Array
    ? bytesSource(input)
    : input instanceof Blob
    ? blobSource(input)
    : input;
  if (typeof source?.read !== "function") {
    throw new TypeError("Cannot send: source must be bytes, a Blob, a stream or a Source");
  }
  return source.size === undefined
    ? new GatheringFrameSource(sourceReader(source))
    : new SizedFrameSource(source, source.size);
}

/** To ask a source whether it is a stream would load the streams for nothing. */
function isStream(input: SourceInput): input is ReadableStream<Uint8Array> {
  const isSource = typeof (input as Partial<Source> | undefined)?.read === "function";
  return !isSource && input instanceof ReadableStream;
}

function closedError(): FxferError {
  return new FxferError("interrupted", "Cannot read source: it was closed");
}

/** A buffer for the bytes of a small source, to be used again: such a source is copied at once. */
let spare: ArrayBuffer | undefined;

const NOTHING = { at: 0, bytes: new Uint8Array() };

/** Divides a source of known size on a fixed grid, and reads it again when a frame is sent again. */
class SizedFrameSource implements FrameSource {
  size: number;
  readonly #source: Source;
  /** The first bytes of the frame that was prepared last. */
  #first = NOTHING;
  /** The spare buffer, while the first bytes are in it. */
  #lent: ArrayBuffer | undefined;
  /** The read under way: the source has one at a time, even if nobody waits for the read any more. */
  #reading: Promise<unknown> | undefined;
  #closed = false;

  constructor(source: Source, size: number) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError("Cannot send: size must be an integer from 0 to 2^53-1");
    }
    this.size = size;
    this.#source = source;
  }

  async changed(): Promise<boolean> {
    return !this.#closed && await this.#source.changed?.() === true;
  }

  span(offset: number, frameSize: number): FrameSpan {
    // A frame that starts in the middle of an earlier frame has the same end as the earlier frame, and so
    // is the same request (S-SEQ-1).
    const end = Math.min(this.size, (Math.floor(offset / frameSize) + 1) * frameSize);
    return { end, last: end === this.size };
  }

  async prepare(offset: number, frameSize: number, whole = false): Promise<void> {
    // What was read for an earlier try is read again: the source may have other bytes by now.
    if (offset === this.size || this.#source.view !== undefined) return;
    const { end } = this.span(offset, frameSize);
    const bytes = new Uint8Array(whole ? end - offset : Math.min(FIRST_BYTES, this.size - offset));
    let filled = 0;
    do {
      const count = await this.read(bytes.subarray(filled), offset + filled);
      if (count === null) throw sourceChanged();
      filled += count;
    } while (whole && filled < bytes.length);
    this.#first = { at: offset, bytes: bytes.subarray(0, filled) };
  }

  prepareNow(): boolean {
    const { size } = this;
    if (this.#source.readNow === undefined || size > FIRST_BYTES || this.#closed) return false;
    this.#lent = spare ?? new ArrayBuffer(FIRST_BYTES);
    spare = undefined;
    const bytes = new Uint8Array(this.#lent, 0, size);
    const isRead = this.#source.readNow(bytes) === size;
    if (isRead) this.#first = { at: 0, bytes };
    else this.forget();
    // A small file that has changed since it was found may have another size.
    if (!isRead) this.size = this.#source.size ?? size;
    return isRead;
  }

  view(offset: number, length: number): Uint8Array {
    const { at, bytes } = this.#first;
    if (this.#source.view !== undefined) return this.#source.view(offset, length);
    if (offset === at && length === bytes.length) return bytes;
    return offset < at ? bytes.subarray(0, 0) : bytes.subarray(offset - at, offset - at + length);
  }

  read(into: Uint8Array, offset: number): Promise<number | null> {
    const reading = (this.#reading ?? Promise.resolve()).then(() => {
      // Without this check a source that opens itself on a read would stay open.
      if (this.#closed) throw closedError();
      return this.#source.read(into, offset);
    });
    this.#reading = reading.catch(() => {});
    return reading;
  }

  forget(): void {
    this.#first = NOTHING;
    spare ??= this.#lent;
    this.#lent = undefined;
  }

  release(): void {}

  close(): void {
    this.#closed = true;
    this.#first = NOTHING;
    this.#source.close?.();
  }
}

/** Reads an input that can be read only once. */
interface OnceReader {
  /** The next bytes; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  close(reason?: unknown): void;
}

/** The bytes of one frame. */
interface Chunk extends FrameSpan {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * Gathers an input that can be read only once into chunks, one for each frame. A chunk is kept until the
 * server has answered its frame, so that at most a full window of chunks is in memory.
 */
class GatheringFrameSource implements FrameSource {
  readonly size: undefined;
  readonly #reader: OnceReader;
  #chunks: Chunk[] = [];
  /** Bytes gathered in all, kept or not. */
  #end = 0;
  /** Bytes that were read but belong to the next chunk; undefined once the input has ended. */
  #unused: Uint8Array | undefined = new Uint8Array(0);
  #closed = false;

  constructor(reader: OnceReader) {
    this.#reader = reader;
  }

  span(offset: number): FrameSpan | undefined {
    const chunk = this.#find(offset);
    return chunk && { end: chunk.end, last: chunk.last };
  }

  async prepare(offset: number, frameSize: number): Promise<void> {
    if (this.#find(offset) !== undefined) return;
    if (offset !== this.#end) {
      throw new FxferError("local_io", "Cannot send stream again: its first bytes are gone");
    }
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      // A full chunk is read past its end: only what follows tells whether the chunk is the last.
      while (this.#unused?.length === 0) this.#unused = await this.#next();
      if (this.#unused === undefined || length === frameSize) break;
      const part = this.#unused.subarray(0, frameSize - length);
      this.#unused = this.#unused.subarray(part.length);
      parts.push(part);
      length += part.length;
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#end += length;
    this.#chunks.push({ start: offset, end: this.#end, bytes, last: this.#unused === undefined });
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      // Without this check a source that opens itself on a read would stay open.
      if (this.#closed) throw closedError();
      const bytes = await this.#reader.next();
      // A stream that was cancelled seems to be at its end: half a file must not pass for a whole one.
      if (this.#closed) throw closedError();
      return bytes;
    } catch (cause) {
      throw localError(cause);
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

  forget(): void {}

  release(offset: number): void {
    this.#chunks = this.#chunks.filter(({ end, last }) => last || end > offset);
  }

  close(reason?: unknown): void {
    this.#closed = true;
    this.#chunks = [];
    this.#reader.close(reason);
  }

  #find(offset: number): Chunk | undefined {
    return this.#chunks.find(({ start, end, last }) =>
      offset >= start && (offset < end || (last && offset === end))
    );
  }
}

function streamReader(stream: ReadableStream<Uint8Array>): OnceReader {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      if (done) return undefined;
      if (value instanceof Uint8Array) return value;
      throw new TypeError("Cannot send stream: a chunk is no Uint8Array");
    },
    // No part of the client needs the stream any more: a cancel that fails does no harm.
    close: (reason) => void reader.cancel(reason).catch(() => {}),
  };
}

function sourceReader(source: Source): OnceReader {
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
