/**
 * Decides what a client sends next, and what each reply means: the exactly-once rules (S-SEQ).
 *
 * The file is over 300 lines, because both work on one state.
 *
 * @module
 */
import { CODES, type FxferError } from "../errors.ts";
import type { Mode, ReplyBody } from "../protocol/mod.ts";
import { Calls } from "./calls.ts";
import { refusal } from "./client_errors.ts";
import { frameSizeFor, shortageOf, tooLarge } from "./frame_size.ts";
import type { ResolvedOptions } from "./options.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import { OutgoingFiles } from "./outgoing_files.ts";
import { connectionEndOf, endedBy, isSessionTaken, outcomeOf, totalsOf } from "./replies.ts";
import {
  type CallRequest,
  type ClientRequest,
  type ConnectionEnd,
  type Resumption,
  type TransferFrame,
  UnansweredRequests,
  usesNumber,
} from "./requests.ts";
import { SequenceNumbers } from "./sequence_numbers.ts";
import { Sleeper } from "./sleeper.ts";
import type { Terms } from "./terms.ts";

/**
 * The files of a client, and the requests that carry them. A connection runner takes requests from the
 * queue, writes them, and hands the replies back; while there is no work the runner sleeps. The session
 * manager tells the queue of new files and of each new connection.
 *
 * A frame without a reply is kept without its bytes. If the server has not run it, the file makes a new one
 * from the offset that the server names; else it is repeated without its bytes, to get its reply (S-SEQ-1).
 */
export class SendQueue extends Sleeper {
  /** Whether the server has taken more of any file since the session manager last reset this. */
  progressed = false;
  /** Whether the session is to be ended after the files. */
  closing = false;
  readonly #options: ResolvedOptions;
  #mode: Mode = "stateful";
  #terms: Terms | undefined;
  /** Files without a result. */
  readonly files: OutgoingFiles = new OutgoingFiles();
  /** What else the program asks, without a result. */
  readonly calls: Calls = new Calls();
  readonly #unanswered = new UnansweredRequests();
  readonly #numbers = new SequenceNumbers();
  #disconnectRefusals = 0;
  /** The highest sequence number that the server has expected at a connect. */
  #highestNext = 1;
  /** Why there is no session, if that may pass: then files that need one wait. */
  #shortage: FxferError | undefined;
  /** Nothing new is sent before this time. */
  #heldUntil = 0;
  /** The file of which the server has a part; its offset is known only from a connect. */
  #openFile: Partial<NonNullable<Resumption["openFile"]>> | undefined;

  constructor(options: ResolvedOptions) {
    super();
    this.#options = options;
  }

  /** Whether a request of this kind has no reply yet. */
  awaitsReplyTo(kind: ClientRequest["kind"]): boolean {
    return this.#unanswered.has(kind);
  }

  /** Whether any request has no reply yet. */
  get awaitsReply(): boolean {
    return this.#unanswered.size > 0;
  }

  /** Every reply up to this number has been read (S-SEQ-6); undefined for a server that does not ask. */
  get received(): number | undefined {
    if (this.#mode === "stateless" || !this.#offers("received")) return undefined;
    return this.#unanswered.received(this.#numbers);
  }

  #offers = (feature: string): boolean => this.#terms?.features.includes(feature) === true;
  /** Whether there is nothing to send and no session to end. */
  get idle(): boolean {
    return !this.closing && this.files.first() === undefined && this.calls.allDecided;
  }

  /** Whether every file has its result, and the client only has to end the session. */
  get onlyClosing(): boolean {
    return this.closing && this.files.allDecided && this.calls.allDecided;
  }

  /** Whether the client may leave: every file has its result, and there is no session to end. */
  get done(): boolean {
    return this.#mode === "stateless" && this.onlyClosing;
  }

  /** Why this connection is of no more use: it has no session, and all that is left needs one. */
  get shortage(): FxferError | undefined {
    if (this.#shortage === undefined || !this.calls.allDecided) return undefined;
    return this.files.allNeedSession ? this.#shortage : undefined;
  }

  /** Milliseconds until new requests may be sent after a refusal; undefined if they may be sent now. */
  get heldForMs(): number | undefined {
    if (this.#heldUntil === 0) return undefined;
    const ms = this.#heldUntil - this.#options.now();
    return ms > 0 ? ms : undefined;
  }

  /** Adds a file behind the others. */
  add(file: OutgoingFile): void {
    this.files.add(file);
    // The server may have a part of the file from an earlier run of the program.
    const { uploadId, offset } = this.#openFile ?? {};
    if (uploadId === file.uploadId && offset !== undefined) this.#resume(file, offset);
    this.wake();
  }

  /** The next request to write; undefined while there is none, or while requests must wait. */
  take(): ClientRequest | undefined {
    const sends = this.files.first() !== undefined;
    if (this.#unanswered.fill(this.#terms?.maxInflight, this.#options.now(), sends)) return;
    const again = this.#unanswered.nextToRepeat();
    if (again) return this.#unanswered.add(again);
    if (this.#numbers.refused || this.heldForMs !== undefined) return;
    const call = this.calls.take(this.#mode, this.#terms, this.#numbers);
    if (call !== undefined) return this.#unanswered.add(call);
    const stateful = this.#mode === "stateful";
    const file = this.files.firstUnsent(stateful);
    if (file !== undefined) {
      const { maxUnansweredBytes } = this.#terms ?? {};
      if (this.#unanswered.fillBytes(file, maxUnansweredBytes, this.#options.now())) return;
      return this.#takeFrame(file);
    }
    // A server that refuses the last frame refuses what is behind it as well (S-SEQ-2).
    const leaves = this.closing && stateful && this.calls.allDecided;
    if (leaves && !this.awaitsReplyTo("disconnect")) {
      return this.#unanswered.add({ kind: "disconnect", sequence: this.#numbers.take() });
    }
  }

  /** A heartbeat to write now: it repeats the last number that was given out (S-SEQ-3). */
  takeHeartbeat(): ClientRequest {
    return this.#unanswered.add({ kind: "heartbeat", sequence: this.#numbers.next - 1 });
  }

  #takeFrame(file: OutgoingFile): ClientRequest | undefined {
    const stateful = this.#mode === "stateful";
    if (stateful && this.#openFile !== undefined && this.#openFile.uploadId !== file.uploadId) {
      // A session has room for one unfinished file: the server must drop its part of another file.
      const { uploadId } = this.#openFile;
      this.#openFile = undefined;
      return this.#unanswered.add({ kind: "cancel", sequence: this.#numbers.take(), uploadId });
    }
    let frameSize: number;
    try {
      frameSize = frameSizeFor(this.#mode, this.#terms?.limits, file.source.size);
    } catch (error) {
      return this.#tooLarge(file, error as FxferError);
    }
    const mac = this.#terms?.mac;
    const span = file.prepared(frameSize, mac) ?? file.prepareNow(frameSize);
    if (span === undefined) return this.files.prepare(file, frameSize, mac, this.wake);
    if (!stateful && !span.last) return this.#tooLarge(file, tooLarge(this.#mode, frameSize));
    if (stateful) this.#openFile = span.last ? undefined : { uploadId: file.uploadId };
    const sequence = stateful ? this.#numbers.take() : 0;
    const { start, end, data } = file.nextPart(span, this.#offers("names"), mac);
    return this.#unanswered.add({ kind: "transfer", file, sequence, start, end, data });
  }

  /** Gives a file up, or lets it wait for a session, so that the next one has its turn. */
  #tooLarge(file: OutgoingFile, error: FxferError): undefined {
    if (this.#mode === "stateless" && this.#shortage !== undefined) file.needsSession = true;
    else file.fail(error);
    this.wake();
  }

  /**
   * Takes in a reply; replies come in the order of their requests.
   *
   * @param size Bytes of payload that follow.
   */
  answered(body: ReplyBody, size: number = 0): ConnectionEnd | undefined {
    this.calls.receiving = undefined;
    const end = connectionEndOf(body);
    if (end !== undefined) return end;
    const request = this.#unanswered.shift(this.#options.now());
    if (request === undefined) return endedBy(body);
    this.wake();
    if (request.kind === "heartbeat") return;
    // The server refuses all requests behind a refused one: those refusals do not count against files.
    const behindRefusal = this.#numbers.refused;
    if (this.#mode === "stateful" && usesNumber(request)) {
      this.#numbers.answered(request.sequence, body, this.#unanswered.allNumbersAnswered);
    }
    if (request.kind === "disconnect") return this.#disconnectAnswered(body);
    if (request.kind === "transfer") this.#transferAnswered(request, body, behindRefusal);
    if ("call" in request) this.#callAnswered(request, body, size, behindRefusal);
  }

  /** Takes in a notice, after which the server closes the connection. */
  noticed(body: ReplyBody): ConnectionEnd {
    const end = endedBy(body);
    const { first } = this.#unanswered;
    if (end.kind === "lost" || isSessionTaken(body) || first?.kind !== "transfer") return end;
    // The server could not read the first unanswered frame: the frame's file is at fault (S-VER-6).
    first.file.fail(refusal("Cannot send file", body));
    return endedBy(body, "lost");
  }

  #callAnswered({ call }: CallRequest, body: ReplyBody, size: number, behind: boolean): void {
    const tries = behind ? Infinity : this.#options.retries;
    const outcome = this.calls.answered(call, body, size, tries);
    if (outcome === "progress") this.progressed = true;
    if (outcome === "again") this.#hold(call.refusals, body.retry_after_ms);
  }

  #disconnectAnswered(body: ReplyBody): ConnectionEnd | undefined {
    const { code, retry_after_ms: retryAfterMs } = body;
    // The last frame may have used its number up and stored nothing: then its file needs another session.
    if (code === "session_closed" && this.files.first() !== undefined) return endedBy(body, "lost");
    if (code === "session_closed") return { kind: "closed", totals: totalsOf(body) };
    const { class: codeClass } = CODES[code];
    if (codeClass === "fatal" || ++this.#disconnectRefusals > this.#options.retries) {
      return endedBy(body, "fatal");
    }
    this.#hold(this.#disconnectRefusals, codeClass === "retry" ? retryAfterMs : 0);
  }

  #transferAnswered(frame: TransferFrame, body: ReplyBody, behindRefusal: boolean): void {
    const { file, end } = frame;
    if (file.decided) return;
    const outcome = outcomeOf(frame, body, this.#mode);
    if (body.code === "checksum_mismatch" && file.startOver()) {
      file.refusals = -1; // it starts over once, whatever tries there are
      return this.#sendAgain(file, 0, body);
    }
    if (outcome.kind === "failed") return file.fail(outcome.error);
    if (outcome.kind === "again") {
      if (outcome.blockedBy !== undefined) this.#openFile = outcome.blockedBy;
      if (!behindRefusal) return this.#sendAgain(file, outcome.offset, body);
      return file.rewind(Math.min(outcome.offset, file.next));
    }
    this.progressed = true;
    file.acknowledge(end);
    if (outcome.kind === "acknowledged") return;
    if (this.#openFile?.uploadId === file.uploadId) this.#openFile = undefined;
    const comparing = file.confirm(body);
    if (comparing === undefined) this.files.delete(file);
    else this.files.stored(file, comparing).then(this.wake);
  }

  /** Sends from `offset` again, after a pause where the code asks for one. */
  #sendAgain(file: OutgoingFile, offset: number, body: ReplyBody): void {
    const { code, retry_after_ms: retryAfterMs } = body;
    const { retries, emit } = this.#options;
    if (++file.refusals > retries) return file.fail(refusal("Cannot send file", body));
    emit({ type: "refused", uploadId: file.uploadId, code, retryAfterMs });
    if (CODES[code].class === "retry") this.#hold(file.refusals, retryAfterMs);
    file.rewind(offset);
  }

  #hold(failures: number, retryAfterMs: number | undefined): void {
    const { retryDelayMs, now } = this.#options;
    this.#heldUntil = Math.max(this.#heldUntil, now() + retryDelayMs(failures, retryAfterMs));
  }

  /** The number that the session expects; undefined where the server may have run what was not answered. */
  get sureNext(): number | undefined {
    const isKnown = this.#unanswered.isEmpty && !this.#numbers.refused;
    return isKnown && this.#openFile === undefined ? this.#numbers.next : undefined;
  }

  /** The server has answered a connect after so many milliseconds. */
  connected(roundTripMs: number): void {
    this.#unanswered.connected(roundTripMs);
  }

  /** The server has stated its terms on a connection on which requests went out already. */
  opened(terms: Terms): void {
    this.#terms = terms;
  }

  /** A new connection resumed the session: every file goes on where the server has it (S-CON-2). */
  resumed(terms: Terms, { nextSequence, openFile }: Resumption): void {
    this.#terms = terms;
    this.#mode = "stateful";
    const ran = this.#unanswered.resume(nextSequence);
    if (nextSequence > this.#highestNext) this.progressed = true;
    this.#highestNext = nextSequence;
    this.#numbers.restart(nextSequence);
    this.#openFile = openFile;
    this.calls.resumed((call) => this.#unanswered.willRepeat(call));
    for (const file of this.files) {
      if (openFile !== undefined && openFile.uploadId === file.uploadId) {
        this.#resume(file, openFile.offset);
      } else if (file.sentInSession && ran.get(file)?.data.complete !== true) {
        file.rewind(0);
      }
    }
  }

  #resume(file: OutgoingFile, offset: number): void {
    if (offset > file.acknowledged) this.progressed = true;
    file.resume(offset);
    this.#options.emit({ type: "resumed", uploadId: file.uploadId, offset });
  }

  /**
   * A new session, or none: unfinished files start over, under the same upload ids.
   *
   * @param degraded Why the server gave none, if the client asked for one.
   */
  started(terms: Terms | undefined, mode: Mode, degraded?: string): void {
    this.#unanswered.clear();
    this.calls.restarted();
    this.#terms = terms;
    this.#mode = mode;
    if (mode === "stateful") this.#shortage = undefined;
    else if (degraded !== undefined) this.#shortage = shortageOf(degraded);
    this.#numbers.restart(1);
    this.#highestNext = 1;
    this.#openFile = undefined;
    for (const file of this.files) {
      if (file.sentInSession) file.rewind(0);
      file.sentInSession = false;
      if (mode === "stateful") file.needsSession = false;
    }
  }
}
