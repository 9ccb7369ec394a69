/** What a check is, and how it says that a rule is broken. @module */
import type { Answer, Json, ProbeClient } from "./probe_client.ts";

export interface ServerUnderTest {
  readonly hostname: string;
  readonly port: number;
  /** Opens a connection; the caller of the check closes it afterwards. */
  open(): Promise<ProbeClient>;
}

/** The check of one rule of the contract, or of a part of a rule. */
export interface Check {
  /** The rule's id, such as `S-FRM-1`, or one word where the contract has no id for it. */
  readonly rule: string;
  /** What the rule promises, in a few words. */
  readonly promise: string;
  /** Whether the server must offer sessions. */
  readonly stateful?: boolean;
  /**
   * Holds the server against the rule.
   *
   * @returns What was seen, in a few words.
   * @throws {Broken} If the server does not keep the promise.
   * @throws {NotOffered} If the server does not offer what the rule is about.
   */
  run(target: ServerUnderTest): Promise<string>;
}

/** Thrown by a check when a promise was not kept; the message says what was seen. */
export class Broken extends Error {}

/** Thrown by a check when the server does not offer what the rule is about. */
export class NotOffered extends Error {}

/** Throws {@linkcode Broken} with `seen` as its message unless `isTrue`. */
export function expect(isTrue: boolean, seen: string): void {
  if (!isTrue) throw new Broken(seen);
}

/**
 * Throws {@linkcode Broken} unless an answer has this code and these fields.
 *
 * @returns Code and fields, in words.
 */
export function expectCode(answer: Pick<Answer, "data">, code: string, fields: Json = {}): string {
  const { data } = answer;
  expect(data.code === code, `${data.code}, wanted ${code}`);
  for (const [name, wanted] of Object.entries(fields)) {
    const found = JSON.stringify(data[name]);
    expect(found === JSON.stringify(wanted), `${code} with ${name} ${found}`);
  }
  return [code, ...Object.entries(fields).map(([name, value]) => `${name} ${value}`)].join(", ");
}
