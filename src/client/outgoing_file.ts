/**
 * One file that a program sends, and the frames that carry it.
 *
 * The file is over 300 lines, because every step of a send works on one state.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { Mutable } from "../omit_undefined.ts";
import type { ReplyBody, TransferData } from "../protocol/mod.ts";
import { localError, sourceChanged } from "./client_errors.ts";
import { checkedFacts, type Facts, factsFor } from "./file_facts.ts";
import { canHash, digestOf, FileDigest, loadHashing } from "./file_digest.ts";
import { type FilePart, type FrameSource, frameSourceOf, type FrameSpan } from "./frame_source.ts";
import type { SourceInput } from "./source.ts";
import type { ClientEvent, SendOptions, SendResult } from "./types.ts";

/** Of the last frame, at most so many bytes that are in memory are hashed before it is sent. */
const HASH_FIRST_BYTES = 1024 * 1024;

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
  /** Whether the file is too large for one request, and waits until the server has a session to give. */
  needsSession = false;
  /**
   * Whether a frame's payload is being written. Even if the result is decided meanwhile, the payload is
   * written to its end, so that the connection can go on. The source is closed only after that.
   */
  sending = false;
  /** Called when something of the file is to be sent again. */
  onRewind: (() => void) | undefined;
  /** Whether the server compares the digest that is sent; a version 1 server does not. */
  serverCompares = true;
  readonly #result: PromiseWithResolvers<SendResult> = Promise.withResolvers();
  readonly result: Promise<SendResult> = this.#result.promise;
  readonly #options: SendOptions;
  readonly #facts: Facts;
  readonly #emit: ((event: ClientEvent) => void) | undefined;
  #digest = new FileDigest();
  #attempts = 1;
  readonly #resumedFrom: number[] = [];
  #decided = false;
  /** The frame at `next`, once it is prepared, and what it was prepared for. */
  #prepared: (FrameSpan & { readonly frameSize: number; readonly whole: boolean }) | undefined;
  /** Whether the source was found to be touched, and to have all bytes that were sent before. */
  #touched = false;
  /** Whether the last frame says which digest the file must have. */
  #announced = false;
  /** Whether the server has stored the file: only its digest is still compared. */
  #stored = false;
  #startedOver = false;

  /** @throws {TypeError | RangeError} If an argument cannot be used. */
  constructor(input: SourceInput, options: SendOptions, emit?: (event: ClientEvent) => void) {
    this.#facts = checkedFacts(options);
    this.uploadId = options.uploadId ?? crypto.randomUUID();
    this.mimeType = options.mimeType ?? "application/octet-stream";
    this.source = frameSourceOf(input);
    this.#options = options;
    this.#emit = emit;
  }

  /** Whether {@linkcode result} is resolved or rejected. */
  get decided(): boolean {
    return this.#decided;
  }

  /**
   * How far the next frame goes; undefined if {@linkcode prepare} must be called first. A server that was reached
   * since then may take frames of another size, or only such as are `whole` in memory.
   */
  prepared(frameSize: number, whole = false): FrameSpan | undefined {
    const span = this.#prepared;
    return span?.frameSize === frameSize && (span.whole || !whole) ? span : undefined;
  }

  /** Prepares a small file without waiting, where its source can; undefined if {@linkcode prepare} must be called. */
  prepareNow(frameSize: number): FrameSpan | undefined {
    if (this.preparing || !canHash() || !this.#readNow(frameSize)) return undefined;
    const { source, source: { size = 0 } } = this;
    this.#digest.updateWhole(source.view(0, size));
    return source.span(0, frameSize);
  }

  /** Reads a file that is sent in one frame without waiting, where its source can. */
  #readNow(frameSize: number): boolean {
    const { next, source, source: { size = Infinity } } = this;
    const isWhole = next === 0 && size <= frameSize && this.#digest.length === 0;
    return isWhole && !this.#inParts && source.prepareNow?.() === true;
  }

  /**
   * What the next frame carries, as it was {@linkcode prepared}.
   *
   * @param names Whether the server has the feature `names`.
   * @param proves Says the payload's digest.
   */
  nextPart({ end, last: complete }: FrameSpan, names: boolean, proves = false): FilePart {
    const { next: start, uploadId, source: { size: length } } = this;
    this.#prepared = undefined;
    this.next = end;
    this.allSent = complete;
    this.sentInSession = true;
    const isAllHashed = this.#digest.length === (length ?? (complete ? end : undefined));
    const sha256 = this.#options.sha256 ?? (isAllHashed ? this.#digest.hex() : undefined);
    this.#announced = sha256 !== undefined;
    const data: Mutable<TransferData> = {
      uploadId,
      offset: start,
      complete,
      cancel: false,
      ...factsFor(this.#facts, names),
    };
    if (length !== undefined) data.length = length;
    if (sha256 !== undefined) data.sha256 = sha256;
    if (proves && end > start) {
      data.payloadSha256 = digestOf(this.source.view(start, end - start));
    }
    return { start, end, data };
  }

  /**
   * Does what must be awaited before the next frame, so that a slow or hanging source stops nothing else:
   * hashes bytes that an earlier run of the program sent, reads the first bytes of the frame, and looks
   * whether the source has changed. One call at a time. Never rejects: a failure rejects the file.
   * `whole` reads all bytes of the frame, which are hashed before its head is sent.
   */
  async prepare(frameSize: number, whole = false): Promise<void> {
    this.preparing = true;
    this.#prepared = undefined;
    const { next, source } = this;
    const attempt = this.#attempts;
    // What was prepared for other frames, and never sent, is read again: it may be other bytes by now.
    if (next === 0 && this.#digest.length > 0 && !this.#inParts) this.#digest = new FileDigest();
    try {
      await this.#hashUpTo(next);
      const isRead = !canHash() && this.#readNow(frameSize);
      if (!isRead && !this.#decided) await source.prepare(next, frameSize, whole);
      const span = source.span(next, frameSize);
      if (this.#decided || span === undefined) return;
      if (!span.last || whole) await loadHashing();
      if (isRead) await this.#digest.addWhole(source.view(next, span.end));
      else if (span.last) await this.#prepareLast(span.end);
      else if (next > 0 && !this.#touched) this.#touched = await this.#isTouched();
      // The file may have been rewound meanwhile, because the connection was lost.
      if (next === this.next && attempt === this.#attempts) {
        this.#prepared = { ...span, frameSize, whole };
      }
    } catch (error) {
      this.fail(localError(error));
    } finally {
      this.preparing = false;
    }
  }

  /**
   * With the last frame the server publishes the file. If the digest of the whole file goes with that
   * frame, the server publishes nothing else (S-TRF-5). So it does for a file that is wholly in memory now,
   * that was touched, or whose parts were sent at different times. The others are read only once.
   */
  async #prepareLast(end: number): Promise<void> {
    const { source, next } = this;
    const first = source.view(next, Math.min(end - next, HASH_FIRST_BYTES));
    if (first.length === end) await this.#digest.addWhole(first);
    else {
      await loadHashing();
      this.#digest.update(first, next);
    }
    const needed = this.#digest.length < end && (this.#inParts || await source.changed?.());
    if (needed) await this.#hashUpTo(end, true);
    if (this.#digest.length === end) await this.#checkWhole();
  }

  /** Whether the file's bytes on the server may come from different times. */
  get #inParts(): boolean {
    return this.#attempts > 1 || this.#resumedFrom.length > 0;
  }

  /**
   * Looks at the source once more before the last bytes of the file go out, which are at `offset`.
   *
   * @returns False if the frame must be cut short, because the source was touched: to read it all again
   * takes longer than a server waits inside a frame. The next try does so before its last frame.
   */
  async mayEnd(bytes: Uint8Array, offset: number): Promise<boolean> {
    this.#digest.update(bytes, offset);
    if (this.serverCompares) return this.#announced || !await this.source.changed?.();
    await this.#checkWhole();
    return true;
  }

  /** All bytes are hashed: throws if the source was changed, and tells if it only grew. */
  async #checkWhole(): Promise<void> {
    const { uploadId, source, source: { size } } = this;
    if (size === undefined || !await this.#isTouched()) return;
    const grew = await source.read(new Uint8Array(1), size) !== null;
    if (grew) this.#emit?.({ type: "grown", uploadId, size });
  }

  /** As {@linkcode FileDigest.isTouched}. */
  #isTouched(): Promise<boolean> {
    return this.#digest.isTouched(this.source, () => !this.#decided);
  }

  /** Hashes bytes that were handed to the network, and reports the progress. */
  bytesSent(bytes: Uint8Array, offset: number): void {
    this.#digest.update(bytes, offset);
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
    if (this.#decided || this.#stored) return;
    if (size !== undefined && offset > size) return this.fail(sourceChanged());
    if (this.sentInSession && (offset < this.next || this.allSent)) this.#attempts++;
    this.onRewind?.();
    this.next = offset;
    this.acknowledged = Math.min(this.acknowledged, offset);
    this.allSent = false;
    this.#prepared = undefined;
  }

  /**
   * Prepares to send all again, once, because the server's parts are not the source's (S-TRF-5). False if
   * that would not help: the file was sent in one go, or can be read only once.
   */
  startOver(): boolean {
    if (!this.#inParts || this.#startedOver || this.source.size === undefined) return false;
    this.#startedOver = true;
    this.#digest = new FileDigest();
    return true;
  }

  /** Rewinds to `offset`, because a resumed session has the file up to there. */
  resume(offset: number): void {
    // This run is the second attempt also if an earlier run of the program sent the part.
    this.sentInSession = true;
    this.rewind(offset);
    if (this.#decided || this.#stored) return;
    this.#resumedFrom.push(offset);
    this.acknowledge(offset);
  }

  /**
   * The server has stored the file: compares the digests and resolves.
   *
   * @returns Undefined if the file has its result now, else a promise that never rejects.
   */
  confirm(body: ReplyBody): Promise<void> | undefined {
    if (this.#decided) return undefined;
    this.#stored = true;
    this.allSent = true;
    const size = this.source.size ?? Infinity;
    if (this.#digest.length >= size) return this.#compare(body);
    return this.#hashUpTo(size).then(() => this.#compare(body), (error) => {
      this.fail(localError(error));
    });
  }

  #compare({ code, file, replayed = false, durability, existing }: ReplyBody): undefined {
    const sha256 = this.#digest.hex();
    const isSame = file?.sha256 === sha256 && file.size === this.#digest.length;
    if (!isSame && (code === "ok" || file !== undefined)) {
      const message = typeof file?.sha256 !== "string"
        ? "Cannot confirm file: the server does not say what it has stored"
        : "Cannot confirm file: the server stored other bytes than were sent";
      const fields = { sha256, file };
      this.fail(new FxferError("checksum_mismatch", message, { fields }));
      return;
    }
    const known = { file, confirmed: true, replayed, existing: existing === true };
    this.finish(typeof durability === "string" ? { ...known, durability } : known);
  }

  /** The file is sent: resolves with what the server said of the file. */
  finish(result: Omit<SendResult, "sha256" | "attempts" | "resumedFrom">): void {
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
    // A rejection that comes before the caller of send() waits for the result must not end the process.
    this.result.catch(() => {});
    this.#result.reject(error);
  }

  #decide(reason?: unknown): void {
    this.#decided = true;
    if (!this.sending) this.source.close(reason);
  }

  /** Reads and hashes up to `end`; what was hashed is not needed again, unless it is kept to be sent. */
  async #hashUpTo(end: number, keep = false): Promise<void> {
    await this.#digest.readUpTo(end, this.source, (length) => {
      if (!keep) this.source.release(length);
      return !this.#decided;
    });
  }

  #report(sent: number): void {
    const { acknowledged: acked, source: { size: total } } = this;
    this.#options.onProgress?.({ sent, acked, total });
  }
}
