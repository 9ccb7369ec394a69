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
import { type Item, type Outcome, type Resumption, totalsOf } from "./items.ts";
import { Ledger } from "./ledger.ts";
import { Numbering } from "./numbering.ts";
import { frameSizeFor, tooLarge } from "./plan.ts";
import { type Backoff, retryDelay } from "./retry.ts";
import type { Terms } from "./types.ts";
import type { Frame, OutgoingFile } from "./outgoing_file.ts";
import { outcomeOf } from "./reply_outcome.ts";

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
  "use_another_server",
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
  readonly #uploads = new Set<OutgoingFile>();
  readonly #ledger = new Ledger();
  readonly #numbering = new Numbering();
  /** How often the end of the session was refused. */
  #goodbyes = 0;
  /** The highest number the server was known to want next. */
  #reached = 1;
  /** Nothing new before this time. */
  #holdUntil = 0;
  /** The file of which the server holds a part. */
  #partial: Partial<NonNullable<Resumption["upload"]>> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Whether a request of this kind is without an answer. */
  unanswered(kind: Item["kind"]): boolean {
    return this.#ledger.has(kind);
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
  add(upload: OutgoingFile): void {
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
  }

  /** The first file that matches and is not given up, in call order; forgets those that are. */
  #nextUndecided(
    matches: (upload: OutgoingFile) => boolean = () => true,
  ): OutgoingFile | undefined {
    // Files wholly sent stand in front, and the window bounds them: this does not walk the queue.
    for (const upload of this.#uploads) {
      if (upload.settled) this.#uploads.delete(upload);
      else if (matches(upload)) return upload;
    }
  }

  /** The next request to write, in order; undefined while there is none or its time has not come. */
  take(): Item | undefined {
    if (this.#ledger.size >= (this.#terms?.maxInflight ?? DEFAULT_MAX_INFLIGHT)) return;
    const replay = this.#ledger.takeReplay();
    if (replay !== undefined) return this.#ledger.sent({ kind: "transfer", frame: replay });
    if (this.#numbering.settling || this.holdMs !== undefined) return;
    const upload = this.#nextUndecided((upload) => !upload.allSent);
    if (upload !== undefined) return this.#takeFrame(upload);
    if (this.closingOnly && !this.done && this.#ledger.size === 0) {
      return this.#ledger.sent({ kind: "disconnect", sequence: this.#numbering.take() });
    }
  }

  /** A heartbeat to write now. */
  heartbeat(): Item {
    return this.#ledger.sent({ kind: "heartbeat", sequence: this.#numbering.last });
  }

  #takeFrame(upload: OutgoingFile): Item | undefined {
    const stateful = this.#mode === "stateful";
    if (stateful && this.#partial !== undefined && this.#partial.uploadId !== upload.id) {
      // A given-up file would stand in the way of this one: a session has one open file.
      const { uploadId } = this.#partial;
      this.#partial = undefined;
      return this.#ledger.sent({ kind: "cancel", sequence: this.#numbering.take(), uploadId });
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
    return this.#ledger.sent({ kind: "transfer", frame });
  }

  /** Gives a file up: the next one has its turn. */
  #drop(upload: OutgoingFile, error: FxferError): undefined {
    upload.fail(error);
    this.#options.onNews();
  }

  /** A reply has come: replies are in request order. */
  answer(body: ReplyBody): Outcome | undefined {
    const item = this.#ledger.head;
    const { code } = body;
    if (SESSION_OVER.has(code)) return { kind: "fatal", error: sessionError(body) };
    if (RECONNECT.has(code)) return { kind: "lost", error: sessionError(body) };
    this.#ledger.answered();
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
    const { head } = this.#ledger;
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
    this.#numbering.answered(sequence, body, this.#ledger.settled);
  }

  #answerDisconnect(body: ReplyBody): Outcome | undefined {
    const { code, retry_after_ms } = body;
    if (code === "session_closed") return { kind: "closed", totals: totalsOf(body) };
    const final = CODES[code].class === "fatal" || ++this.#goodbyes > this.#options.retries;
    if (final) return { kind: "fatal", error: sessionError(body) };
    this.#hold(this.#goodbyes, CODES[code].class === "retry" ? retry_after_ms : 0);
  }

  #answerTransfer(frame: Frame, body: ReplyBody, followOn: boolean): void {
    const { upload, end } = frame;
    if (upload.settled) return;
    const verdict = outcomeOf(frame, body, this.#mode);
    switch (verdict.kind) {
      case "acknowledged":
      case "stored":
        this.progress++;
        upload.acknowledge(end);
        if (verdict.kind === "stored") this.#finish(upload, body);
        return;
      case "again":
        if (verdict.holds !== undefined) this.#partial = verdict.holds;
        if (followOn) upload.rewind(Math.min(verdict.offset, upload.next));
        else this.#again(upload, verdict.offset, body);
        return;
      case "failed":
        upload.fail(verdict.error);
    }
  }

  #finish(upload: OutgoingFile, body: ReplyBody): void {
    this.#uploads.delete(upload);
    if (this.#partial?.uploadId === upload.id) this.#partial = undefined;
    upload.finish(body).then(this.#options.onNews);
  }

  /** Sends from `offset` again, after a pause where the code asks for one. */
  #again(upload: OutgoingFile, offset: number, body: ReplyBody): void {
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
    const ran = this.#ledger.resume(nextSequence);
    if (nextSequence > this.#reached) this.progress++;
    this.#reached = nextSequence;
    this.#numbering.restart(nextSequence);
    this.#partial = open;
    for (const upload of this.#uploads) {
      if (open !== undefined && open.uploadId === upload.id) {
        this.#resume(upload, open.offset);
      } else if (upload.begun && ran.get(upload)?.data.complete !== true) {
        upload.rewind(0);
      }
    }
  }

  #resume(upload: OutgoingFile, offset: number): void {
    if (offset > upload.acked) this.progress++;
    upload.resume(offset);
    this.#options.onEvent({ type: "resumed", uploadId: upload.id, offset });
  }

  /** A new session, or none: what is unfinished starts over, under the same upload ids. */
  started(terms: Terms | undefined, mode: "stateful" | "stateless"): void {
    this.#ledger.clear();
    this.#terms = terms;
    this.#mode = mode;
    this.#numbering.restart(1);
    this.#reached = 1;
    this.#partial = undefined;
    for (const upload of this.#uploads) {
      if (upload.begun) upload.rewind(0);
      upload.begun = false;
    }
  }
}
