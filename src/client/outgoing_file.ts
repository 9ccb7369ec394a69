/** One file that a program sends, and the frames that carry it. @module */
import { createHash } from "node:crypto";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import {
  encodeV1Header,
  MAX_NAME_BYTES,
  type ReplyBody,
  type TransferData,
} from "../protocol/mod.ts";
import { localError, sourceChanged } from "./client_errors.ts";
import { type FrameSource, frameSourceOf } from "./frame_source.ts";
import type { SendOptions, SendResult, SourceInput } from "./types.ts";

/** Bytes that are only hashed, not sent, are read in pieces of this size. */
const HASH_READ_BYTES = 1024 * 1024;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** A request that sends the bytes of a file from `start` to `end`. */
export interface TransferFrame {
  readonly kind: "transfer";
  readonly file: OutgoingFile;
  /** 0 without a session. */
  readonly sequence: number;
  readonly start: number;
  readonly end: number;
  /** Kept with the frame, because a repeated request must have the same session data (S-SEQ-1). */
  readonly data: TransferData;
}

/**
 * How much of a file is sent, answered and hashed, and at last its result. The client makes one for each
 * `send` call; the send queue or a V1 sender takes frames from it.
 */
export class OutgoingFile {
  readonly uploadId: string;
  readonly mimeType: string;
  readonly source: FrameSource;
  /** Where the next frame starts. */
  next = 0;
  /** Whether the frame that ends the file has been handed out. */
  allSent = false;
  /** The server has all bytes below this offset. */
  acknowledged = 0;
  /** How many frames were refused since the server last took one. */
  refusals = 0;
  /** Whether a frame of the file was sent in this session, so that the server may have a part. */
  sentInSession = false;
  /** Whether {@linkcode prepare} is under way. */
  preparing = false;
  /**
   * Whether a frame's payload is being written. Even if the result is decided meanwhile, the payload is
   * written to its end, so that the connection can go on. The source is closed only after that.
   */
  sending = false;
  readonly #result: PromiseWithResolvers<SendResult> = Promise.withResolvers();
  readonly result: Promise<SendResult> = this.#result.promise;

  readonly #options: SendOptions;
  readonly #hash = createHash("sha256");
  /** How many bytes from the start of the file are hashed. */
  #hashed = 0;
  #sha256: string | undefined;
  #attempts = 1;
  readonly #resumedFrom: number[] = [];
  #decided = false;
  /** Whether the source may have changed since the last look at it. */
  #unchecked = false;

  /** @throws {TypeError | RangeError} If an argument cannot be used. */
  constructor(input: SourceInput, options: SendOptions) {
    this.uploadId = options.uploadId ?? crypto.randomUUID();
    if (!UUID.test(this.uploadId)) {
      throw new TypeError("Cannot send: uploadId must be a lower-case UUID");
    }
    if (options.sha256 !== undefined && !SHA256.test(options.sha256)) {
      throw new TypeError("Cannot send: sha256 must be 64 lower-case hex digits");
    }
    if (new TextEncoder().encode(options.name).length > MAX_NAME_BYTES) {
      throw new RangeError(`Cannot send: name is over ${MAX_NAME_BYTES} bytes`);
    }
    this.mimeType = options.mimeType ?? "application/octet-stream";
    encodeV1Header({ mimeType: this.mimeType, size: 0 }); // throws if it is no media type
    this.source = frameSourceOf(input);
    this.#options = options;
    // A rejection that comes before the caller of send() waits for the result must not end the process.
    this.result.catch(() => {});
  }

  /** Whether {@linkcode result} is resolved or rejected. */
  get decided(): boolean {
    return this.#decided;
  }

  /** The next frame; undefined if {@linkcode prepare} must be called first. */
  nextFrame(frameSize: number, sequence: number): TransferFrame | undefined {
    if (this.#unchecked || this.#hashed < this.next || this.preparing) return undefined;
    const start = this.next;
    const span = this.source.span(start, frameSize);
    if (span === undefined) return undefined;
    const { end, last: complete } = span;
    this.next = end;
    this.allSent = complete;
    this.sentInSession = true;
    this.#unchecked = this.source.changed !== undefined;
    const data = omitUndefined({
      uploadId: this.uploadId,
      name: this.#options.name,
      offset: start,
      length: this.source.size,
      complete,
      sha256: this.#options.sha256 ?? this.#wholeDigest(),
      cancel: false,
    });
    return { kind: "transfer", file: this, sequence, start, end, data };
  }

  /**
   * Does what must be awaited before the next frame: looks whether the source has changed, hashes bytes
   * that an earlier run of the program sent, and gathers the bytes of a frame. One call at a time. Never
   * rejects: a failure rejects the file.
   */
  async prepare(frameSize: number): Promise<void> {
    this.preparing = true;
    try {
      if (this.#unchecked) {
        if (await this.source.changed?.()) throw sourceChanged();
        this.#unchecked = false;
      }
      if (this.#hashed < this.next) await this.#hashUpTo(this.next);
      if (!this.#decided) await this.source.prepare(this.next, frameSize);
    } catch (error) {
      this.fail(localError(error));
    } finally {
      this.preparing = false;
    }
  }

  /** Hashes bytes that were handed to the network, and reports the progress. */
  bytesSent(bytes: Uint8Array, offset: number): void {
    this.#updateDigest(bytes, offset);
    this.#report(offset + bytes.length);
  }

  /** The payload of a frame was written, or could not be. */
  doneSending(): void {
    this.sending = false;
    if (this.#decided) this.source.close();
  }

  /** The server has all bytes below `offset`. */
  acknowledge(offset: number): void {
    if (offset <= this.acknowledged) return;
    this.acknowledged = offset;
    this.refusals = 0;
    this.source.release(offset);
    this.#report(Math.max(offset, this.next));
  }

  /** The next frame starts at `offset`, whatever was sent before. */
  rewind(offset: number): void {
    const { size } = this.source;
    if (this.#decided) return;
    if (size !== undefined && offset > size) return this.fail(sourceChanged());
    if (this.sentInSession && (offset < this.next || this.allSent)) this.#attempts++;
    this.next = offset;
    this.acknowledged = Math.min(this.acknowledged, offset);
    this.allSent = false;
    this.#unchecked = this.sentInSession && this.source.changed !== undefined;
  }

  /** Rewinds to `offset`, because a resumed session has the file up to there. */
  resume(offset: number): void {
    // This run is the second attempt also if an earlier run of the program sent the part.
    this.sentInSession = true;
    this.rewind(offset);
    if (this.#decided) return;
    this.#resumedFrom.push(offset);
    this.acknowledge(offset);
  }

  /** The server has stored the file: compares the digests and resolves. Never rejects. */
  async confirm(body: ReplyBody): Promise<void> {
    if (this.#decided) return;
    this.allSent = true;
    try {
      if (this.#wholeDigest() === undefined) await this.#hashUpTo(this.source.size ?? Infinity);
      const sha256 = this.#digest();
      const { file, replayed = false, durability } = body;
      if (file !== undefined && file.sha256 !== sha256) {
        const message = "Cannot confirm file: the server stored other bytes than were sent";
        throw new FxferError("checksum_mismatch", message, { fields: { sha256, file } });
      }
      const survives = typeof durability === "string" ? { durability } : {};
      this.finish({ file, confirmed: true, replayed, ...survives });
    } catch (error) {
      this.fail(localError(error));
    }
  }

  /** The file is sent: resolves with what the server said of the file. */
  finish(result: Omit<SendResult, "sha256" | "attempts" | "resumedFrom">): void {
    if (this.#decided) return;
    this.#decide();
    this.#result.resolve({
      ...result,
      sha256: this.#digest(),
      attempts: this.#attempts,
      resumedFrom: this.#resumedFrom,
    });
  }

  /** Gives the file up. */
  fail(error: FxferError): void {
    if (this.#decided) return;
    this.#decide(error);
    this.#result.reject(error);
  }

  #decide(reason?: unknown): void {
    this.#decided = true;
    if (!this.sending) this.source.close(reason);
  }

  /** Hashes the bytes at `offset`, which is at most `#hashed`, except those that are hashed already. */
  #updateDigest(bytes: Uint8Array, offset: number): void {
    const known = this.#hashed - offset;
    if (known >= bytes.length) return;
    this.#hash.update(known === 0 ? bytes : bytes.subarray(known));
    this.#hashed = offset + bytes.length;
  }

  /** The digest as hex. After the first call no more bytes can be hashed. */
  #digest(): string {
    return this.#sha256 ??= this.#hash.digest("hex");
  }

  /** The digest of the whole file, if its size is known and every byte is hashed. */
  #wholeDigest(): string | undefined {
    return this.#hashed === this.source.size ? this.#digest() : undefined;
  }

  async #hashUpTo(end: number): Promise<void> {
    const buffer = new Uint8Array(HASH_READ_BYTES);
    while (this.#hashed < end && !this.#decided) {
      const at = this.#hashed;
      const wanted = buffer.subarray(0, Math.min(buffer.length, end - at));
      const count = await this.source.read(wanted, at);
      if (count === null) {
        if (end === Infinity) return;
        throw sourceChanged();
      }
      this.#updateDigest(buffer.subarray(0, count), at);
      this.source.release(at + count);
    }
  }

  #report(sent: number): void {
    const { acknowledged: acked, source: { size: total } } = this;
    this.#options.onProgress?.({ sent, acked, total });
  }
}
