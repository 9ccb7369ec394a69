/** The requests of a client, and what ends or resumes their connection. Pure. @module */
import type { FxferError } from "../errors.ts";
import { type Mutable, omitUndefined } from "../omit_undefined.ts";
import { ACTIONS, DEFAULT_MAX_INFLIGHT, encodeRequest, type RequestInit } from "../protocol/mod.ts";
import { ByteWindow } from "./byte_window.ts";
import type { Call, CallKind } from "./call.ts";
import type { FilePart } from "./frame_source.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import type { SessionTotals } from "./terms.ts";
import type { SequenceNumbers } from "./sequence_numbers.ts";
import { Window } from "./window.ts";

/** A request that sends the bytes of a file from `start` to `end`. */
export interface TransferFrame extends FilePart {
  readonly kind: "transfer";
  readonly file: OutgoingFile;
  /** 0 without a session. */
  readonly sequence: number;
}

/** A request of a call. */
export interface CallRequest {
  readonly kind: CallKind;
  readonly call: Call;
  /** 0 without a session. */
  readonly sequence: number;
  /** Kept with the request, because a repeated request must have the same session data (S-SEQ-1). */
  readonly data: Call["data"];
}

/** One request, as the send queue hands it to a connection. `cancel` drops a partial file. */
export type ClientRequest =
  | TransferFrame
  | CallRequest
  | { readonly kind: "cancel"; readonly sequence: number; readonly uploadId: string | undefined }
  | { readonly kind: "heartbeat" | "disconnect"; readonly sequence: number };

/** A window that was full is filled again when it has room for so many requests, or is half empty. */
const REFILL = 16;

/** What every request of a connection repeats in its header: the id is null without a session. */
export type RequestSession = Pick<RequestInit, "id" | "mode" | "sealed">;

/**
 * The bytes of a request up to its payload.
 *
 * @param received Every reply up to this number has been read (S-SEQ-6); undefined where that is not said.
 */
export function encodeHead(
  { id, mode, sealed = false }: RequestSession,
  request: ClientRequest,
  received: number | undefined,
): Uint8Array {
  const { sequence, kind } = request;
  const action = kind === "cancel" ? "transfer" : kind;
  const init: Mutable<RequestInit> = { id, mode, sealed, sequence, action };
  if (received !== undefined) init.received = received;
  if (kind === "transfer") {
    init.mimeType = request.file.mimeType;
    init.size = request.end - request.start;
    init.data = request.data;
  } else if (kind === "cancel") {
    init.data = omitUndefined({ cancel: true, uploadId: request.uploadId });
  } else if ("call" in request) init.data = request.data;
  return encodeRequest(init);
}

/** Why a connection is of no more use, and what follows. */
export type ConnectionEnd =
  /** The session was ended as the program asked, or there was no session to end. */
  | { readonly kind: "closed"; readonly totals: SessionTotals | undefined }
  /** Another connection may go on where this one ended. */
  | {
    readonly kind: "lost";
    readonly error: FxferError;
    /** Whether this client ended it, for the sake of one file: then nothing is wrong with the server. */
    readonly byClient?: boolean;
  }
  /** No other connection would help: the client is over. */
  | { readonly kind: "fatal"; readonly error: FxferError };

/** What the server says of a session that it resumes (S-CON-2). */
export interface Resumption {
  readonly nextSequence: number;
  /** The file of which the server has a part; without an id if the client that sent it gave none. */
  readonly openFile: { readonly uploadId: string | undefined; readonly offset: number } | undefined;
}

/** The send queue's requests that were sent on the connection, or are to be repeated on it. */
export class UnansweredRequests {
  /** In the order in which the replies will come. */
  #sent: ClientRequest[] = [];
  /** Requests that the server ran on an earlier connection, but whose replies were lost; in order. */
  #toRepeat: Repeatable[] = [];

  readonly #window = new Window();
  /** After the window was full, no more is sent while more than so many have no reply. */
  #enough = Infinity;
  readonly #byteWindow = new ByteWindow();

  /** The reply to the connect came after so many milliseconds. */
  connected(roundTripMs: number): void {
    const { size } = this.#window;
    this.#window.connected(roundTripMs);
    this.#byteWindow.connected(roundTripMs);
    if (this.#window.size > size) this.#enough = Infinity;
  }

  /** How many requests of this connection have no reply yet. */
  get size(): number {
    return this.#sent.length;
  }

  /** Whether none was sent, and none is to be repeated. */
  get isEmpty(): boolean {
    return this.#sent.length === 0 && this.#toRepeat.length === 0;
  }

  /** The request that the next reply answers. */
  get first(): ClientRequest | undefined {
    return this.#sent[0];
  }

  /** Whether a request of this kind has no reply yet. */
  has(kind: ClientRequest["kind"]): boolean {
    return this.#sent.some((request) => request.kind === kind);
  }

  /** Whether the request of a call waits to be repeated. */
  willRepeat(call: Call): boolean {
    return this.#toRepeat.some((request) => request.kind !== "transfer" && request.call === call);
  }

  /** Whether every request that uses up a sequence number is answered (S-SEQ-3). */
  get allNumbersAnswered(): boolean {
    return !this.#sent.some(usesNumber);
  }

  /**
   * Every reply up to this number has been read. A number that was refused may be used again, so that none
   * counts that is above those that have run.
   */
  received({ ran }: Pick<SequenceNumbers, "ran">): number {
    const { sequence = Infinity } = this.#sent.find(usesNumber) ?? this.#toRepeat[0] ?? {};
    return Math.min(sequence - 1, ran);
  }

  /** Adds a request that is about to be written. */
  add<T extends ClientRequest>(request: T): T {
    this.#sent.push(request);
    this.#byteWindow.add(payloadOf(request));
    return request;
  }

  /**
   * Whether these are as many as may be unanswered now. Once they are, a part of the replies is waited for:
   * small files then go out together, where one for each reply would take a system call each, at both ends.
   *
   * @param most The server's limit; undefined where it stated none.
   * @param sends Whether files are sent: of questions alone, as many may be unanswered as the server takes.
   */
  fill(most: number = DEFAULT_MAX_INFLIGHT, now: number, sends: boolean): boolean {
    const { length } = this.#sent;
    if (sends ? this.#window.isFull(length, most, now) : length >= most) {
      this.#enough = length - Math.min(REFILL, Math.ceil(length / 2));
    }
    if (length > this.#enough) return true;
    this.#enough = Infinity;
    return false;
  }

  /**
   * Whether no other frame of this file may be begun now, because of the bytes that are unanswered.
   *
   * @param offered As of {@linkcode ByteWindow.isFull}.
   */
  fillBytes(file: OutgoingFile, offered: number | undefined, now: number): boolean {
    // The bytes of a stream are in memory until they are answered.
    const isKept = file.source.size === undefined;
    return this.#byteWindow.isFull(isKept ? undefined : offered, now);
  }

  /** Takes away the request that was just answered. */
  shift(now: number): ClientRequest | undefined {
    const request = this.#sent.shift();
    if (request === undefined) return undefined;
    const { size } = this.#window;
    this.#byteWindow.answered(payloadOf(request), now);
    this.#window.answered(now);
    if (this.#window.size > size) this.#enough = Infinity;
    return request;
  }

  /** What was sent on the last connection will have no reply. */
  #restart(): void {
    this.#sent = [];
    this.#enough = Infinity;
    this.#window.restart();
    this.#byteWindow.restart();
  }

  /** The next request to repeat; one of a file or call that has its result is not repeated. */
  nextToRepeat(): Repeatable | undefined {
    while (this.#toRepeat[0] !== undefined && isDecided(this.#toRepeat[0])) this.#toRepeat.shift();
    return this.#toRepeat.shift();
  }

  /** Forgets everything: a new session knows nothing of earlier requests. */
  clear(): void {
    this.#restart();
    this.#toRepeat = [];
  }

  /**
   * A new connection resumed the session. The server has run the transfers and removals below
   * `nextSequence`: these are repeated, to get their replies. The others are forgotten, since their files
   * and calls make new ones.
   *
   * @returns For each file the last frame that ran.
   */
  resume(nextSequence: number): ReadonlyMap<OutgoingFile, TransferFrame> {
    const unanswered = this.#sent.filter(isRepeatable);
    this.#restart();
    this.#toRepeat = [...unanswered, ...this.#toRepeat]
      .filter((request) => request.sequence < nextSequence && !isDecided(request))
      .sort((a, b) => a.sequence - b.sequence)
      .map((request) => request.kind === "transfer" ? withoutBytes(request) : request);
    const frames = this.#toRepeat.filter((request) => request.kind === "transfer");
    return new Map(frames.map((frame) => [frame.file, frame]));
  }
}

/** What uses a number up and is repeated under it when its reply was lost. */
type Repeatable = TransferFrame | CallRequest;

/** Whether a request uses a sequence number up (S-SEQ-3). */
export function usesNumber({ kind }: ClientRequest): boolean {
  return kind === "cancel" || ACTIONS[kind].usesNumber;
}

/** Bytes of payload that a request carries. */
export function payloadOf(request: ClientRequest): number {
  return request.kind === "transfer" ? request.end - request.start : 0;
}

function isRepeatable(request: ClientRequest): request is Repeatable {
  return request.kind === "transfer" || request.kind === "remove";
}

function isDecided(request: Repeatable): boolean {
  return request.kind === "transfer" ? request.file.decided : request.call.decided;
}

/** The same request without its bytes, which is the same to the server if it has the same end (S-SEQ-1). */
function withoutBytes(frame: TransferFrame): TransferFrame {
  return { ...frame, start: frame.end, data: { ...frame.data, offset: frame.end } };
}
