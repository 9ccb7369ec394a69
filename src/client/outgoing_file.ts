/**
 * One file that a program sends: how much of it is sent, answered and hashed, and at last its result.
 * The client makes one for each `send` call; the send queue or a V1 sender takes frames from it.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { encodeV1Header, MAX_NAME_BYTES, type ReplyBody } from "../protocol/mod.ts";
import { localError, sourceChanged } from "./client_errors.ts";
import { FileDigest } from "./file_digest.ts";
import { type FrameSource, frameSourceOf } from "./frame_source.ts";
import type { TransferFrame } from "./requests.ts";
import type { SendOptions, SendResult, SourceInput } from "./types.ts";

/** Bytes that are only hashed, not sent, are read in pieces of this size. */
const HASH_READ_BYTES = 1024 * 1024;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** See the module's text. */
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
  /** How often a frame was refused since the server last took one. */
  refusals = 0;
  /** Whether a frame of it was sent in this session, so that the server may have a part. */
  sentInSession = false;
  /** Whether {@linkcode prepare} is under way. */
  preparing = false;
  /**
   * Whether a frame's payload is being written. The payload is written to its end even if the result is
   * decided meanwhile, since otherwise the connection could not go on: the source is closed after it.
   */
  sending = false;
  readonly result: Promise<SendResult>;

  readonly #options: SendOptions;
  readonly #result: PromiseWithResolvers<SendResult> = Promise.withResolvers();
  readonly #digest = new FileDigest();
  #attempts = 1;
  readonly #resumedFrom: number[] = [];
  #decided = false;
  /** Whether the source may have changed since it was last looked at. */
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
    this.result = this.#result.promise;
    // The caller of send() gets the rejection. Until it waits for it, the rejection must not end the process.
    this.result.catch(() => {});
  }

  /** Whether {@linkcode result} is resolved or rejected. */
  get decided(): boolean {
    return this.#decided;
  }

  /** The next frame; undefined if {@linkcode prepare} must be called first. */
  nextFrame(frameSize: number, sequence: number): TransferFrame | undefined {
    if (this.#unchecked || this.#digest.hashed < this.next || this.preparing) return undefined;
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
      if (this.#digest.hashed < this.next) await this.#hashUpTo(this.next);
      if (!this.#decided) await this.source.prepare(this.next, frameSize);
    } catch (error) {
      this.fail(localError(error));
    } finally {
      this.preparing = false;
    }
  }

  /** Hashes bytes that were handed to the network, and reports the progress. */
  bytesSent(bytes: Uint8Array, offset: number): void {
    this.#digest.update(bytes, offset);
    this.#report(offset + bytes.length);
  }

  /** The payload of a frame was written, or writing it failed. */
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

  /** As {@linkcode rewind}, because a resumed session has the file up to `offset`. */
  resume(offset: number): void {
    // Also if an earlier run of the program sent the part: then this is the second attempt.
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
      const sha256 = this.#digest.hex();
      const { file, replayed = false, durability } = body;
      if (file !== undefined && file.sha256 !== sha256) {
        throw new FxferError(
          "checksum_mismatch",
          "Cannot confirm file: the server stored other bytes than were sent",
          { fields: { sha256, file } },
        );
      }
      const survives = typeof durability === "string" ? { durability } : {};
      this.#finish({ file, confirmed: true, replayed, ...survives });
    } catch (error) {
      this.fail(localError(error));
    }
  }

  /** A version 1 server has taken the bytes; it says nothing that could be checked. */
  finishUnconfirmed(): void {
    this.#finish({ file: undefined, confirmed: false, replayed: false });
  }

  #finish(result: Omit<SendResult, "sha256" | "attempts" | "resumedFrom">): void {
    if (this.#decided) return;
    this.#decide();
    this.#result.resolve({
      ...result,
      sha256: this.#digest.hex(),
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

  /** The digest of the whole file, if its size is known and every byte is hashed. */
  #wholeDigest(): string | undefined {
    return this.#digest.hashed === this.source.size ? this.#digest.hex() : undefined;
  }

  async #hashUpTo(end: number): Promise<void> {
    const buffer = new Uint8Array(HASH_READ_BYTES);
    while (this.#digest.hashed < end && !this.#decided) {
      const at = this.#digest.hashed;
      const wanted = buffer.subarray(0, Math.min(buffer.length, end - at));
      const count = await this.source.read(wanted, at);
      if (count === null) {
        if (end === Infinity) return;
        throw sourceChanged();
      }
      this.#digest.update(buffer.subarray(0, count), at);
      this.source.release(at + count);
    }
  }

  #report(sent: number): void {
    const { acknowledged: acked, source: { size: total } } = this;
    this.#options.onProgress?.({ sent, acked, total });
  }
}
