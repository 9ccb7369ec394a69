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
  /** What is to be asked, and before all of it what carries on an earlier call. */
  readonly #first = new Set<Call>();
  readonly #waiting = new Set<Call>();
  /** What was asked, in order. */
  readonly #asked = new Set<Call>();
  /** The page of a list that was asked for last on this connection. */
  #lastPage: Call | undefined;
  /** The fetch whose reply was taken in last: the payload of that reply is for it. */
  receiving: FetchCall | undefined;

  /** Adds a call behind the others. */
  add(call: Call): void {
    (call.goesOn ? this.#first : this.#waiting).add(call);
  }

  /** The request of the first call that waits; calls that the server does not offer are rejected. */
  take(mode: Mode, terms: Terms | undefined, numbers: SequenceNumbers): CallRequest | undefined {
    dropDecided(this.#asked);
    if (this.#first.size === 0 && this.#waiting.size === 0) return undefined;
    const call = this.#next(this.#first, terms) ?? this.#next(this.#waiting, terms);
    if (call === undefined) return undefined;
    const unavailable = call.unavailable(terms);
    if (unavailable !== undefined) {
      call.fail(unavailable);
      return this.take(mode, terms, numbers);
    }
    const { kind, data } = call;
    const inSession = () => ACTIONS[kind].usesNumber ? numbers.take() : numbers.ran;
    call.state = "asked";
    this.#first.delete(call);
    this.#waiting.delete(call);
    this.#asked.add(call);
    if (kind === "list") this.#lastPage = call;
    return { kind, call, data, sequence: mode === "stateless" ? 0 : inSession() };
  }

  /** The first call that can be asked; takes out calls that have their result on the way. */
  #next(calls: Set<Call>, terms: Terms | undefined): Call | undefined {
    for (const call of calls) {
      if (call.decided) calls.delete(call);
      else if (call.mayBeAsked(this.#lastPage, terms?.features)) return call;
    }
  }

  /** Whether every call has its result. */
  get allDecided(): boolean {
    return dropDecided(this.#asked) && dropDecided(this.#first) && dropDecided(this.#waiting);
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
    this.#again(call);
    return mayPass ? "again" : undefined;
  }

  /** The payload of a reply has come; what was not asked for by its request is asked for again. */
  received(): void {
    this.receiving?.ended();
    if (this.receiving?.state === "waiting") this.#again(this.receiving);
  }

  #again(call: Call): void {
    call.state = "waiting";
    this.#asked.delete(call);
    // What was asked before others is asked again before others.
    this.#first.add(call);
  }

  /** The session goes on over a new connection; `isKept` says whose request is repeated as it was. */
  resumed(isKept: (call: Call) => boolean): void {
    this.#lastPage = undefined;
    const others = [...this.#first];
    this.#first.clear();
    for (const call of this.#asked) {
      if (call.state === "asked" && !isKept(call)) this.#again(call);
    }
    for (const call of others) this.#first.add(call);
  }

  /** A new session, or none: whether what was asked has run is not known. */
  restarted(): void {
    for (const call of this.#asked) if (call.state === "asked") call.mayHaveRun = true;
    this.resumed(() => false);
  }

  /** Rejects every call. */
  failAll(error: FxferError): void {
    for (const calls of [this.#asked, this.#first, this.#waiting]) {
      for (const call of calls) call.fail(error);
      calls.clear();
    }
  }
}

/** Takes out those that have their result, up to the first that has not. @returns Whether none is left. */
function dropDecided(calls: Set<Call>): boolean {
  if (calls.size === 0) return true;
  for (const call of calls) {
    if (!call.decided) return false;
    calls.delete(call);
  }
  return true;
}
