/**
 * What is to be sent, what is unanswered, and what a reply means for both: the exactly-once rules
 * from the client's side. No I/O: the link takes items, writes them, and hands replies back.
 *
 * Unanswered frames are kept as descriptions. A frame the server has not run is simply planned anew
 * from the offset it names; one that ran and whose reply was lost is asked for again without its
 * bytes, which the server answers from memory (S-SEQ-1).
 *
 * @module
 */
import { CODES, type FxferError } from "../errors.ts";
import { DEFAULT_MAX_INFLIGHT, type ReplyBody } from "../protocol/mod.ts";
import type { ClientEvent } from "./events.ts";
import { refusedError, sessionError } from "./failures.ts";
import type { Item, Outcome, Resumption } from "./items.ts";
import { Numbering } from "./numbering.ts";
import { frameSizeFor, tooLarge } from "./plan.ts";
import { type Backoff, retryDelay } from "./retry.ts";
import type { SessionTotals, Terms } from "./types.ts";
import type { Frame, Upload } from "./upload.ts";

/** What an outbox is told. */
export interface OutboxOptions {
  readonly retries: number;
  readonly backoff: Backoff;
  readonly now: () => number;
  readonly random: () => number;
  readonly onEvent: (event: ClientEvent) => void;
  /** Something can be taken that could not be before. */
  readonly onNews: () => void;
}

/** Codes after which the session is no longer this client's. */
const SESSION_OVER: ReadonlySet<string> = new Set(["session_taken_over", "session_revoked"]);
/** Codes that only a new connect can mend. */
const RECONNECT: ReadonlySet<string> = new Set([
  "incomplete",
  "not_connected",
  "session_unknown",
  "session_expired",
]);

/** See the module's text. */
export class Outbox {
  /** Counts what got further: an answered frame, a higher offset. */
  progress = 0;
  /** After the files, the session is to be closed. */
  closing = false;
  readonly #options: OutboxOptions;
  #mode: "stateful" | "stateless" = "stateful";
  #terms: Terms | undefined;
  /** Not yet decided, in call order. */
  readonly #uploads = new Set<Upload>();
  /** Sent on this connection, in order. */
  #inflight: Item[] = [];
  /** Ran, but their replies were lost. */
  #replays: Frame[] = [];
  readonly #numbering = new Numbering();
  /** Nothing new before this time. */
  #holdUntil = 0;
  /** The file of which the server holds a part. */
  #partial: Partial<NonNullable<Resumption["upload"]>> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Whether a request of this kind is without an answer. */
  unanswered(kind: Item["kind"]): boolean {
    return this.#inflight.some((item) => item.kind === kind);
  }

  /** Whether there is nothing to do. */
  get idle(): boolean {
    return !this.closing && this.#nextUndecided() === undefined;
  }

  /** Whether only the end of the session is still to be asked for. */
  get closingOnly(): boolean {
    return this.closing && this.#nextUndecided() === undefined;
  }

  /** Whether the client may leave: without a session there is nothing to end. */
  get done(): boolean {
    return this.#mode === "stateless" && this.closingOnly;
  }

  /** Milliseconds until something held back may be taken; undefined when nothing is. */
  get holdMs(): number | undefined {
    const ms = this.#holdUntil - this.#options.now();
    return ms > 0 ? ms : undefined;
  }

  /** One more file. */
  add(upload: Upload): void {
    this.#uploads.add(upload);
    // An earlier run of the program began it.
    const { uploadId, offset } = this.#partial ?? {};
    if (uploadId === upload.id && offset !== undefined) this.#resume(upload, offset);
    this.#options.onNews();
  }

  /** Rejects every file. */
  failAll(error: FxferError): void {
    for (const upload of this.#uploads) upload.fail(error);
    this.#uploads.clear();
    this.#replays = [];
  }

  /** The first file that matches and is not given up, in call order; forgets those that are. */
  #nextUndecided(matches: (upload: Upload) => boolean = () => true): Upload | undefined {
    // Files wholly sent stand in front, and the window bounds them: this does not walk the queue.
    for (const upload of this.#uploads) {
      if (upload.settled) this.#uploads.delete(upload);
      else if (matches(upload)) return upload;
    }
  }

  /** The next request to write, in order; undefined while there is none or its time has not come. */
  take(): Item | undefined {
    if (this.#inflight.length >= (this.#terms?.maxInflight ?? DEFAULT_MAX_INFLIGHT)) return;
    while (this.#replays.length > 0) {
      const frame = this.#replays.shift()!;
      if (!frame.upload.settled) return this.#sent({ kind: "transfer", frame });
    }
    if (this.#numbering.settling || this.holdMs !== undefined) return;
    const upload = this.#nextUndecided((upload) => !upload.allSent);
    if (upload !== undefined) return this.#takeFrame(upload);
    if (this.closingOnly && !this.done && this.#inflight.length === 0) {
      return this.#sent({ kind: "disconnect", sequence: this.#numbering.take() });
    }
  }

  /** A heartbeat to write now. */
  heartbeat(): Item {
    return this.#sent({ kind: "heartbeat", sequence: this.#numbering.last });
  }

  #takeFrame(upload: Upload): Item | undefined {
    const stateful = this.#mode === "stateful";
    if (stateful && this.#partial !== undefined && this.#partial.uploadId !== upload.id) {
      // A given-up file would stand in the way of this one: a session has one open file.
      const { uploadId } = this.#partial;
      this.#partial = undefined;
      return this.#sent({ kind: "cancel", sequence: this.#numbering.take(), uploadId });
    }
    let frameSize: number;
    try {
      frameSize = frameSizeFor(this.#mode, this.#terms?.limits, upload.feed.size);
    } catch (error) {
      return this.#drop(upload, error as FxferError);
    }
    const frame = upload.take(frameSize, stateful ? this.#numbering.next : 0);
    if (frame === undefined) {
      if (!upload.preparing) upload.prepare(frameSize).then(this.#options.onNews);
      return;
    }
    if (!stateful && !frame.data.complete) {
      return this.#drop(upload, tooLarge(this.#mode, frameSize));
    }
    if (stateful) {
      this.#numbering.take();
      this.#partial = frame.data.complete ? undefined : { uploadId: upload.id };
    }
    return this.#sent({ kind: "transfer", frame });
  }

  /** Gives a file up: the next one has its turn. */
  #drop(upload: Upload, error: FxferError): undefined {
    upload.fail(error);
    this.#options.onNews();
  }

  #sent(item: Item): Item {
    this.#inflight.push(item);
    return item;
  }

  /** A reply has come: replies are in request order. */
  answer(body: ReplyBody): Outcome | undefined {
    const item = this.#inflight.shift();
    const { code } = body;
    if (SESSION_OVER.has(code)) return { kind: "fatal", error: sessionError(body) };
    if (RECONNECT.has(code)) {
      if (item?.kind === "transfer") this.#inflight.unshift(item);
      return { kind: "lost", error: sessionError(body) };
    }
    if (item === undefined) {
      const kind = CODES[code].class === "fatal" ? "fatal" : "lost";
      return { kind, error: sessionError(body) };
    }
    this.#options.onNews();
    if (item.kind === "heartbeat") return;
    // What stands behind a refused frame is refused with it, through no fault of its own.
    const followOn = this.#numbering.settling;
    if (this.#mode === "stateful") this.#follow(item, body);
    if (item.kind === "disconnect") return this.#answerDisconnect(body);
    if (item.kind === "transfer") this.#answerTransfer(item.frame, body, followOn);
  }

  /** The server said something unasked, and closes (wire §1). */
  notice(body: ReplyBody): Outcome {
    const head = this.#inflight[0];
    const over = SESSION_OVER.has(body.code);
    if (over || CODES[body.code].class !== "fatal") {
      return { kind: over ? "fatal" : "lost", error: sessionError(body) };
    }
    // A frame that cannot be read is answered this way: it was the first without an answer (S-VER-6).
    if (head?.kind !== "transfer") return { kind: "fatal", error: sessionError(body) };
    head.frame.upload.fail(refusedError(body));
    return { kind: "lost", error: sessionError(body) };
  }

  #follow(item: Exclude<Item, { kind: "heartbeat" }>, body: ReplyBody): void {
    const sequence = item.kind === "transfer" ? item.frame.sequence : item.sequence;
    const allAnswered = this.#inflight.every((other) => other.kind === "heartbeat");
    this.#numbering.answered(sequence, body, allAnswered);
    if (body.replayed === true) this.progress++;
  }

  #answerDisconnect(body: ReplyBody): Outcome | undefined {
    const { code, retry_after_ms } = body;
    if (code === "session_closed") return { kind: "closed", totals: totalsOf(body) };
    if (CODES[code].class === "fatal") return { kind: "fatal", error: sessionError(body) };
    this.#hold(1, CODES[code].class === "retry" ? retry_after_ms : 0);
  }

  #answerTransfer(frame: Frame, body: ReplyBody, followOn: boolean): void {
    const { upload, start, end, data } = frame;
    const { code, offset = start } = body;
    if (upload.settled) return;
    const again = (from: number) => {
      if (!followOn) return this.#again(upload, from, body);
      upload.rewind(Math.min(from, upload.next));
    };
    switch (CODES[code].class) {
      case "success":
        this.progress++;
        upload.acknowledge(end);
        // A file that is stored already is answered at its first frame (S-TRF-9).
        if (data.complete || body.file !== undefined) this.#finish(upload, body);
        return;
      case "retry":
        // A store that was lost in mid-frame keeps what came (S-DEG-2).
        return again(offset >= start && offset <= end ? offset : start);
      case "resync":
        if (code === "checksum_mismatch") return upload.fail(refusedError(body));
        if (code === "offset_mismatch") return again(this.#rightOffset(upload, body));
        if (code === "replay_too_old") {
          // It ran: an unfinished file goes on, a finished one is found by its upload id.
          if (!data.complete) return upload.acknowledge(end);
          return again(0);
        }
        return again(start);
      default:
        if (code === "too_large" && this.#mode === "stateless") {
          return upload.fail(tooLarge(this.#mode, body.limit));
        }
        upload.fail(refusedError(body));
    }
  }

  /** The offset to go on at; 0 if it is another file's, which then has to make room. */
  #rightOffset(upload: Upload, { offset = 0, upload_id: open }: ReplyBody): number {
    if (open === undefined || open === upload.id) return offset;
    const uploadId = typeof open === "string" ? open : undefined;
    this.#partial = uploadId !== undefined || offset > 0 ? { uploadId } : undefined;
    return 0;
  }

  #finish(upload: Upload, body: ReplyBody): void {
    this.#uploads.delete(upload);
    if (this.#partial?.uploadId === upload.id) this.#partial = undefined;
    upload.finish(body).then(this.#options.onNews);
  }

  /** Sends from `offset` again, after a pause where the code asks for one. */
  #again(upload: Upload, offset: number, body: ReplyBody): void {
    const { code, retry_after_ms: retryAfterMs } = body;
    if (++upload.failures > this.#options.retries) return upload.fail(refusedError(body));
    this.#options.onEvent({ type: "refused", uploadId: upload.id, code, retryAfterMs });
    if (CODES[code].class === "retry") this.#hold(upload.failures, retryAfterMs);
    upload.rewind(offset);
  }

  #hold(failures: number, retryAfterMs: number | undefined): void {
    const { backoff, random, now } = this.#options;
    const until = now() + retryDelay(failures, backoff, random(), retryAfterMs);
    this.#holdUntil = Math.max(this.#holdUntil, until);
  }

  /** The session goes on over a new connection (S-CON-2). */
  resumed(terms: Terms, { nextSequence, upload: open }: Resumption): void {
    this.#terms = terms;
    this.#mode = "stateful";
    const frames = this.#unanswered();
    this.#replays = frames.filter((frame) => frame.sequence < nextSequence);
    if (this.#replays.length > 0) this.progress++;
    this.#numbering.restart(nextSequence);
    this.#partial = open;
    for (const upload of this.#uploads) {
      const last = this.#replays.findLast((frame) => frame.upload === upload);
      if (open !== undefined && open.uploadId === upload.id) {
        this.#resume(upload, open.offset);
      } else if (last === undefined || !last.data.complete) {
        if (upload.begun) upload.rewind(0);
      }
    }
    // Their bytes are not sent again: the end offset alone makes the same request (S-SEQ-1).
    this.#replays = this.#replays.map((frame) => ({
      ...frame,
      start: frame.end,
      data: { ...frame.data, offset: frame.end },
    }));
  }

  #resume(upload: Upload, offset: number): void {
    if (offset > upload.acked) this.progress++;
    upload.resume(offset);
    this.#options.onEvent({ type: "resumed", uploadId: upload.id, offset });
  }

  /** A new session, or none: what is unfinished starts over, under the same upload ids. */
  started(terms: Terms | undefined, mode: "stateful" | "stateless"): void {
    this.#unanswered();
    this.#terms = terms;
    this.#mode = mode;
    this.#replays = [];
    this.#numbering.restart(1);
    this.#partial = undefined;
    for (const upload of this.#uploads) {
      if (upload.begun) upload.rewind(0);
      upload.begun = false;
    }
  }

  /** The transfers without an answer, in sequence order; forgets what else was under way. */
  #unanswered(): Frame[] {
    const frames = [...this.#inflight.flatMap(frameOf), ...this.#replays]
      .filter((frame) => !frame.upload.settled)
      .sort((a, b) => a.sequence - b.sequence);
    this.#inflight = [];
    return frames;
  }
}

function frameOf(item: Item): Frame[] {
  return item.kind === "transfer" ? [item.frame] : [];
}

function totalsOf({ files, bytes, messages, duration_ms }: ReplyBody): SessionTotals {
  const count = (value: unknown) => typeof value === "number" ? value : 0;
  return {
    files: count(files),
    bytes: count(bytes),
    messages: count(messages),
    durationMs: count(duration_ms),
  };
}
