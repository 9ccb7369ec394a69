/** The calls of a client that have no result yet. @module */
import { CODES, type FxferError } from "../errors.ts";
import { ACTIONS, type Mode, type ReplyBody } from "../protocol/mod.ts";
import type { Call } from "./call.ts";
import { FetchCall } from "./fetch_call.ts";
import type { CallRequest } from "./requests.ts";
import type { SequenceNumbers } from "./sequence_numbers.ts";
import type { Terms } from "./terms.ts";

/** The send queue's calls, in order: which is asked next, and what becomes of one with its reply. */
export class Calls {
  readonly #calls = new Set<Call>();
  /** The fetch whose reply was taken in last: the payload of that reply is for it. */
  receiving: FetchCall | undefined;

  /** Adds a call behind the others. */
  add(call: Call): void {
    this.#calls.add(call);
  }

  /** The request of the first call that waits; calls that the server does not offer are rejected. */
  take(mode: Mode, terms: Terms | undefined, numbers: SequenceNumbers): CallRequest | undefined {
    const call = this.#next();
    if (call === undefined) return undefined;
    const unavailable = call.unavailable(terms);
    if (unavailable !== undefined) {
      call.fail(unavailable);
      return this.take(mode, terms, numbers);
    }
    const { kind, data } = call;
    const inSession = () => ACTIONS[kind].usesNumber ? numbers.take() : numbers.ran;
    call.state = "asked";
    return { kind, call, data, sequence: mode === "stateless" ? 0 : inSession() };
  }

  /** The first call that waits; takes out calls that have their result on the way. */
  #next(): Call | undefined {
    for (const call of this.#calls) {
      if (call.decided) this.#calls.delete(call);
      else if (call.state === "waiting" && !call.busy) return call;
    }
  }

  /** Whether every call has its result. */
  get allDecided(): boolean {
    return this.#next() === undefined && this.#calls.size === 0;
  }

  /**
   * Takes in the reply to a call.
   *
   * @param size Bytes of payload that follow, for {@linkcode receiving}.
   * @param tries How many refusals in a row a call may have.
   * @returns Whether the call got on by it, or is asked again, after a pause if `again`.
   */
  answered(
    call: Call,
    body: ReplyBody,
    size: number,
    tries: number,
  ): "progress" | "again" | undefined {
    if (call.decided) return undefined;
    if (CODES[body.code].class === "success") {
      call.refusals = 0;
      call.succeeded(body, size);
      if (!(call instanceof FetchCall)) return "progress";
      // A server that answers well and then cannot read the file makes no progress: only bytes are.
      if (size > 0) this.receiving = call;
      return undefined;
    }
    const mayPass = CODES[body.code].class === "retry";
    if (!mayPass && body.code !== "sequence_gap" || ++call.refusals > tries) {
      call.refused(body);
      return undefined;
    }
    call.state = "waiting";
    return mayPass ? "again" : undefined;
  }

  /** The session goes on over a new connection; `isKept` says whose request is repeated as it was. */
  resumed(isKept: (call: Call) => boolean): void {
    for (const call of this.#calls) {
      if (call.state === "asked" && !isKept(call)) call.state = "waiting";
    }
  }

  /** A new session, or none: whether what was asked has run is not known. */
  restarted(): void {
    for (const call of this.#calls) if (call.state === "asked") call.mayHaveRun = true;
    this.resumed(() => false);
  }

  /** Rejects every call. */
  failAll(error: FxferError): void {
    for (const call of this.#calls) call.fail(error);
    this.#calls.clear();
  }
}
