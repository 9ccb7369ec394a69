/** What a program asks of a server besides sending files: the common part of list, fetch and remove. @module */
import { FxferError } from "../errors.ts";
import type { FetchData, ListData, RemoveData, ReplyBody } from "../protocol/mod.ts";
import { refusal } from "./client_errors.ts";
import type { Terms } from "./terms.ts";

/** The actions that are asked by a call; each is also the name of the feature that a server lists. */
export type CallKind = "list" | "fetch" | "remove";

/**
 * One call. The send queue writes its request, again after a lost connection, and hands it each reply.
 *
 * A call is `waiting` until its request is written, `asked` until the reply is there with all of its
 * payload, and `answered` once the server is needed no more.
 */
export abstract class Call<T = unknown> {
  abstract readonly kind: CallKind;
  /** Whether the next request cannot be made yet, although the call is `waiting`. */
  busy = false;
  /** Whether it carries on what an earlier call began, and so goes before the calls that wait. */
  get goesOn(): boolean {
    return false;
  }
  /**
   * Whether its next request can be made now.
   *
   * @param lastPage The call for a page of a list that was asked last on this connection.
   * @param features What the server offers.
   */
  mayBeAsked(_lastPage: Call | undefined, _features?: readonly string[]): boolean {
    return !this.busy;
  }
  /** The session data of the next request. */
  abstract get data(): FetchData | ListData | RemoveData;
  state: "waiting" | "asked" | "answered" = "waiting";
  /** How many requests were refused since the last one that was not. */
  refusals = 0;
  /** Whether a request may have run whose reply was lost with its session or connection. */
  mayHaveRun = false;
  /** What it is for, such as "fetch file": for the sentences of errors. */
  readonly action: string;
  readonly #result: PromiseWithResolvers<unknown> = Promise.withResolvers();
  readonly result: Promise<T> = this.#result.promise as Promise<T>;
  #decided = false;

  constructor(action: string) {
    this.action = action;
    // A rejection that comes before the caller waits for the result must not end the process.
    this.result.catch(() => {});
  }

  /** Whether {@linkcode result} is resolved or rejected. */
  get decided(): boolean {
    return this.#decided;
  }

  /**
   * Takes in a reply of class success.
   *
   * @param size Bytes of payload that follow.
   */
  abstract succeeded(body: ReplyBody, size: number): void;

  /** Takes in a refusal after which the same request would be refused again. */
  refused(body: ReplyBody): void {
    this.fail(refusal(`Cannot ${this.action}`, body));
  }

  /** Why the server cannot be asked, by its terms (S-FEA-1); undefined if it can. */
  unavailable(terms: Terms | undefined): FxferError | undefined {
    if (terms?.features.includes(this.kind)) return undefined;
    const message = `Cannot ${this.action}: the server does not offer ${this.kind}`;
    return new FxferError("unsupported_feature", message, { fields: { name: this.kind } });
  }

  /** Gives the call up. */
  fail(error: FxferError): void {
    if (this.decide()) this.#result.reject(error);
  }

  protected resolve(value: T): void {
    if (this.decide()) this.#result.resolve(value);
  }

  /** The reply is not one that a server may give. */
  protected misanswered(words: string): void {
    this.fail(new FxferError("protocol_error", `Cannot ${this.action}: ${words}`));
  }

  /** False if the call has its result already. */
  protected decide(): boolean {
    if (this.#decided) return false;
    this.state = "answered";
    return this.#decided = true;
  }
}
