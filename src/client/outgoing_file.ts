/** One file on its way: what of it is sent, answered and hashed. @module */
import { FxferError } from "../errors.ts";
import {
  encodeV1Header,
  MAX_NAME_BYTES,
  type ReplyBody,
  type TransferData,
} from "../protocol/mod.ts";
import { FileDigest } from "./digest.ts";
import { localError, sourceChanged } from "./failures.ts";
import { type Feed, feedOf } from "./feed.ts";
import type { Progress, SendOptions, SendResult, SourceInput } from "./types.ts";

/** How bytes are read that are only hashed. */
const HASH_READ_BYTES = 1024 * 1024;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** One transfer request, with what is needed to send it again word for word (S-SEQ-1). */
export interface Frame {
  readonly upload: OutgoingFile;
  /** 0 without a session. */
  readonly sequence: number;
  /** Its payload is the file's bytes from `start` to `end`. */
  readonly start: number;
  readonly end: number;
  readonly data: TransferData;
}

/** One file on its way. */
export class OutgoingFile {
  readonly id: string;
  readonly mimeType: string;
  readonly feed: Feed;
  /** Where the next frame starts. */
  next = 0;
  /** Whether the frame that ends the file has been handed out. */
  allSent = false;
  /** The server has all bytes below. */
  acked = 0;
  /** Refusals without progress. */
  failures = 0;
  /** Whether a frame of it was sent in this session, so that the server may hold a part. */
  begun = false;
  readonly result: Promise<SendResult>;

  readonly #options: SendOptions;
  readonly #settle: PromiseWithResolvers<SendResult>;
  readonly #digest = new FileDigest();
  #attempts = 1;
  readonly #resumedFrom: number[] = [];
  #settled = false;
  #preparing = false;
  #sending = false;
  /** Whether the source must be looked at before more of it is sent. */
  #unchecked = false;

  /** @throws {TypeError | RangeError} If an argument cannot be used. */
  constructor(input: SourceInput, options: SendOptions) {
    this.id = options.uploadId ?? crypto.randomUUID();
    if (!UUID.test(this.id)) throw new TypeError("Cannot send: uploadId must be a lower-case UUID");
    if (options.sha256 !== undefined && !SHA256.test(options.sha256)) {
      throw new TypeError("Cannot send: sha256 must be 64 lower-case hex digits");
    }
    if (new TextEncoder().encode(options.name).length > MAX_NAME_BYTES) {
      throw new RangeError(`Cannot send: name is over ${MAX_NAME_BYTES} bytes`);
    }
    this.mimeType = options.mimeType ?? "application/octet-stream";
    encodeV1Header({ mimeType: this.mimeType, size: 0 }); // throws if it is no media type
    this.feed = feedOf(input);
    this.#options = options;
    this.#settle = Promise.withResolvers();
    this.result = this.#settle.promise;
    // Whoever called send() gets the rejection; without this a retry in between would crash.
    this.result.catch(() => {});
  }

  /** Whether `result` is decided. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Whether `prepare` is under way. */
  get preparing(): boolean {
    return this.#preparing;
  }

  /**
   * Whether a frame's payload is being written. It is written to its end even if the file's fate is
   * decided meanwhile, so that the connection can go on (S-TRF-8): the source is let go after it.
   */
  get sending(): boolean {
    return this.#sending;
  }
  set sending(sending: boolean) {
    this.#sending = sending;
    if (!sending && this.#settled) this.feed.close();
  }

  /** The next frame, or undefined: then `prepare` has to be called first. */
  take(frameSize: number, sequence: number): Frame | undefined {
    if (this.#unchecked || this.#digest.hashed < this.next || this.#preparing) return undefined;
    const start = this.next;
    const cut = this.feed.cut(start, frameSize);
    if (cut === undefined) return undefined;
    this.next = cut.end;
    this.allSent = cut.last;
    this.begun = true;
    this.#unchecked = this.feed.changed !== undefined;
    const length = this.feed.size;
    const sha256 = this.#options.sha256 ?? this.#wholeDigest();
    const data: TransferData = {
      uploadId: this.id,
      ...(this.#options.name === undefined ? {} : { name: this.#options.name }),
      offset: start,
      ...(length === undefined ? {} : { length }),
      complete: cut.last,
      ...(sha256 === undefined ? {} : { sha256 }),
      cancel: false,
    };
    return { upload: this, sequence, start, end: cut.end, data };
  }

  /**
   * Does what must be awaited before the next frame: looks whether the source changed, hashes what an
   * earlier run sent, gathers a chunk. One call at a time; never rejects: a failure ends the upload.
   */
  async prepare(frameSize: number): Promise<void> {
    this.#preparing = true;
    try {
      if (this.#unchecked) {
        if (await this.feed.changed?.()) throw sourceChanged();
        this.#unchecked = false;
      }
      if (this.#digest.hashed < this.next) await this.#hashUpTo(this.next);
      if (!this.#settled) await this.feed.prepare(this.next, frameSize);
    } catch (error) {
      this.fail(localError(error));
    } finally {
      this.#preparing = false;
    }
  }

  /** Bytes were handed to the network: each is hashed once, by its place in the file. */
  absorb(bytes: Uint8Array, offset: number): void {
    this.#digest.absorb(bytes, offset);
    this.#report(offset + bytes.length);
  }

  /** A frame was answered. */
  acknowledge(offset: number): void {
    if (offset <= this.acked) return;
    this.acked = offset;
    this.failures = 0;
    this.feed.release(offset);
    this.#report(Math.max(offset, this.next));
  }

  /** More is to be sent from `offset` on, again or for the first time here. */
  rewind(offset: number): void {
    const { size } = this.feed;
    if (this.#settled) return;
    if (size !== undefined && offset > size) return this.fail(sourceChanged());
    if (this.begun && (offset < this.next || this.allSent)) this.#attempts++;
    this.next = offset;
    this.acked = Math.min(this.acked, offset);
    this.allSent = false;
    this.#unchecked = this.begun && this.feed.changed !== undefined;
  }

  /** As `rewind`, because the server said at a resume how much it has. */
  resume(offset: number): void {
    // Set before, so that a file of an earlier run counts as sent once already.
    this.begun = true;
    this.rewind(offset);
    if (this.#settled) return;
    this.#resumedFrom.push(offset);
    this.acknowledge(offset);
  }

  /** The server has stored the file: checks its word and settles. Never rejects. */
  async finish(body: ReplyBody): Promise<void> {
    if (this.#settled) return;
    this.allSent = true;
    try {
      if (this.#wholeDigest() === undefined) await this.#hashUpTo(this.feed.size ?? Infinity);
      const sha256 = this.#digest.hex();
      if (body.file !== undefined && body.file.sha256 !== sha256) {
        throw new FxferError(
          "checksum_mismatch",
          "Cannot confirm file: the server stored other bytes than were sent",
          { fields: { sha256, file: body.file } },
        );
      }
      const { durability } = body;
      this.#close();
      this.#settle.resolve({
        file: body.file,
        confirmed: true,
        replayed: body.replayed ?? false,
        ...(typeof durability === "string" ? { durability } : {}),
        sha256,
        attempts: this.#attempts,
        resumedFrom: this.#resumedFrom,
      });
    } catch (error) {
      this.fail(localError(error));
    }
  }

  /** A version 1 server has taken the bytes; there is no word to check. */
  finishUnconfirmed(): void {
    if (this.#settled) return;
    this.#close();
    this.#settle.resolve({
      file: undefined,
      confirmed: false,
      replayed: false,
      sha256: this.#digest.hex(),
      attempts: this.#attempts,
      resumedFrom: [],
    });
  }

  /** The file is given up. */
  fail(error: FxferError): void {
    if (this.#settled) return;
    this.#close(error);
    this.#settle.reject(error);
  }

  #close(reason?: unknown): void {
    this.#settled = true;
    if (!this.#sending) this.feed.close(reason);
  }

  /** The digest if every byte of a source of known size is hashed. */
  #wholeDigest(): string | undefined {
    return this.#digest.hashed === this.feed.size ? this.#digest.hex() : undefined;
  }

  async #hashUpTo(end: number): Promise<void> {
    const buffer = new Uint8Array(HASH_READ_BYTES);
    while (this.#digest.hashed < end && !this.#settled) {
      const at = this.#digest.hashed;
      const count = await this.feed.read(buffer.subarray(0, Math.min(buffer.length, end - at)), at);
      if (count === null) {
        if (end === Infinity) return;
        throw sourceChanged();
      }
      this.#digest.absorb(buffer.subarray(0, count), at);
      this.feed.release(at + count);
    }
  }

  #report(sent: number): void {
    const progress: Progress = { sent, acked: this.acked, total: this.feed.size };
    this.#options.onProgress?.(progress);
  }
}
