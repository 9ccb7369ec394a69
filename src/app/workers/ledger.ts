/**
 * What counts for users, where workers have no store outside of their process: the main thread keeps the
 * ledger, and the workers ask it by messages. A question takes some 30 µs, and is asked once for a connect with
 * a key, and two or three times for a file of a user with a quota.
 *
 * @module
 */
import { type Code, FxferError } from "../../errors.ts";
import type { Usage, UserLedger } from "../../keys/mod.ts";

type Method = "takeNonce" | "reserve" | "charge" | "release" | "giveBack" | "usage";

/** A call of the ledger. */
export interface LedgerAsk {
  readonly method: Method;
  readonly args: readonly unknown[];
}

/** What the call returned, or the error that it threw. */
export type LedgerAnswer =
  | { readonly value: unknown }
  | { readonly code: Code; readonly message: string; readonly fields: FxferError["fields"] };

/** Carries out a call for a worker. Never rejects for a reason that the contract of the ledger names. */
export async function answerAsk(
  ledger: UserLedger,
  { method, args }: LedgerAsk,
): Promise<LedgerAnswer> {
  try {
    return { value: await Reflect.apply(ledger[method], ledger, args) };
  } catch (error) {
    if (!(error instanceof FxferError)) throw error;
    const { code, message, fields } = error;
    return { code, message, fields };
  }
}

/** The ledger of the main thread, as a worker sees it. */
export class AskedLedger implements UserLedger {
  readonly #send: (call: number, ask: LedgerAsk) => void;
  /** The calls that wait for an answer. */
  readonly #calls = new Map<number, (answer: LedgerAnswer) => void>();
  #sent = 0;
  /** When the ledger began, by the monotonic clock of this thread. */
  readonly #begun: number;

  /** @param ageMs For how long the ledger has been there. @param send Sends a call to the main thread. */
  constructor(ageMs: number, send: (call: number, ask: LedgerAsk) => void) {
    this.#begun = performance.now() - ageMs;
    this.#send = send;
  }

  /** The main thread has answered a call. */
  answered(call: number, answer: LedgerAnswer): void {
    this.#calls.get(call)?.(answer);
    this.#calls.delete(call);
  }

  get since(): number {
    return Math.floor(Date.now() - (performance.now() - this.#begun));
  }

  takeNonce(...args: Parameters<UserLedger["takeNonce"]>): Promise<boolean> {
    return this.#call<boolean>("takeNonce", args);
  }

  reserve(...args: Parameters<UserLedger["reserve"]>): Promise<boolean> {
    return this.#call<boolean>("reserve", args);
  }

  charge(...args: Parameters<UserLedger["charge"]>): Promise<void> {
    return this.#call<void>("charge", args);
  }

  release(...args: Parameters<UserLedger["release"]>): Promise<void> {
    return this.#call<void>("release", args);
  }

  giveBack(...args: Parameters<UserLedger["giveBack"]>): Promise<void> {
    return this.#call<void>("giveBack", args);
  }

  usage(...args: Parameters<UserLedger["usage"]>): Promise<Usage> {
    return this.#call<Usage>("usage", args);
  }

  async #call<T>(method: Method, args: readonly unknown[]): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<LedgerAnswer>();
    const call = ++this.#sent;
    this.#calls.set(call, resolve);
    this.#send(call, { method, args });
    const answer = await promise;
    if ("value" in answer) return answer.value as T;
    throw new FxferError(answer.code, answer.message, { fields: answer.fields });
  }

  /** Does nothing: the main thread has the ledger. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
