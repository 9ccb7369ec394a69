/** The requests without a reply. Pure. @module */
import { ACTIONS } from "../protocol/mod.ts";
import type { OutgoingFile, TransferFrame } from "./outgoing_file.ts";
import type { ClientRequest } from "./requests.ts";

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
   * A new connection resumed the session. The server has run the frames below `nextSequence`: they are
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
