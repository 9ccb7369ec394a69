/** The requests of a client, and what ends or resumes their connection. Pure. @module */
import type { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { ACTIONS, encodeRequest, type RequestInit } from "../protocol/mod.ts";
import type { FilePart } from "./frame_source.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import type { SessionTotals } from "./types.ts";

/** A request that sends the bytes of a file from `start` to `end`. */
export interface TransferFrame extends FilePart {
  readonly kind: "transfer";
  readonly file: OutgoingFile;
  /** 0 without a session. */
  readonly sequence: number;
}

/** One request, as the send queue hands it to a connection. `cancel` drops a partial file. */
export type ClientRequest =
  | TransferFrame
  | { readonly kind: "cancel"; readonly sequence: number; readonly uploadId: string | undefined }
  | { readonly kind: "heartbeat" | "disconnect"; readonly sequence: number };

/** What every request of a connection repeats in its header: the id is null without a session. */
export type RequestSession = Pick<RequestInit, "id" | "mode" | "sealed">;

/** The bytes of a request up to its payload. */
export function encodeHead(session: RequestSession, request: ClientRequest): Uint8Array {
  const { sequence } = request;
  if (request.kind === "transfer") {
    const { file: { mimeType }, start, end, data } = request;
    const size = end - start;
    return encodeRequest({ ...session, sequence, action: "transfer", mimeType, size, data });
  }
  if (request.kind === "cancel") {
    const data = omitUndefined({ cancel: true, uploadId: request.uploadId });
    return encodeRequest({ ...session, sequence, action: "transfer", data });
  }
  return encodeRequest({ ...session, sequence, action: request.kind });
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
  /** Frames that the server ran on an earlier connection, but whose replies were lost; in order. */
  #toRepeat: TransferFrame[] = [];

  /** How many requests of this connection have no reply yet. */
  get size(): number {
    return this.#sent.length;
  }

  /** The request that the next reply answers. */
  get first(): ClientRequest | undefined {
    return this.#sent[0];
  }

  /** Whether a request of this kind has no reply yet. */
  has(kind: ClientRequest["kind"]): boolean {
    return this.#sent.some((request) => request.kind === kind);
  }

  /** Whether every request that uses up a sequence number is answered (S-SEQ-3). */
  get allNumbersAnswered(): boolean {
    return this.#sent.every(({ kind }) => kind !== "cancel" && !ACTIONS[kind].usesNumber);
  }

  /** Adds a request that is about to be written. */
  add<T extends ClientRequest>(request: T): T {
    this.#sent.push(request);
    return request;
  }

  /** Takes away the request that was just answered. */
  shift(): ClientRequest | undefined {
    return this.#sent.shift();
  }

  /** The next frame to repeat; a frame whose file is decided is not repeated. */
  nextToRepeat(): TransferFrame | undefined {
    while (this.#toRepeat[0]?.file.decided) this.#toRepeat.shift();
    return this.#toRepeat.shift();
  }

  /** Forgets everything: a new session knows nothing of earlier requests. */
  clear(): void {
    this.#sent = [];
    this.#toRepeat = [];
  }

  /**
   * A new connection resumed the session. The server has run the frames below `nextSequence`: these are
   * repeated, to get their replies. The others are forgotten, since their files make new ones.
   *
   * @returns For each file the last frame that ran.
   */
  resume(nextSequence: number): ReadonlyMap<OutgoingFile, TransferFrame> {
    const unanswered = this.#sent.filter((request) => request.kind === "transfer");
    this.#sent = [];
    this.#toRepeat = [...unanswered, ...this.#toRepeat]
      .filter((frame) => frame.sequence < nextSequence && !frame.file.decided)
      .sort((a, b) => a.sequence - b.sequence)
      // A repeated frame has no bytes: it is the same request as before if it has the same end (S-SEQ-1).
      .map((frame) => ({ ...frame, start: frame.end, data: { ...frame.data, offset: frame.end } }));
    return new Map(this.#toRepeat.map((frame) => [frame.file, frame]));
  }
}
