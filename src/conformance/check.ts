/** What a check is, and the words in which it fails. @module */
import type { Answer, Json, ProbeClient } from "./probe_client.ts";

/** A server under test. */
export interface ServerUnderTest {
  readonly hostname: string;
  readonly port: number;
  /** A new connection; it is closed after the check. */
  open(): Promise<ProbeClient>;
}

/** One rule of the contract, or a part of one, as something to do and something to see. */
export interface Check {
  /** Of the wire contract, such as `S-FRM-1`. */
  readonly rule: string;
  /** What is promised, in a few words. */
  readonly promise: string;
  /** Whether it needs sessions. */
  readonly stateful?: boolean;
  /**
   * Does it.
   *
   * @returns What was seen.
   * @throws {Broken} If the promise was not kept; {@linkcode NotOffered} if it does not apply.
   */
  run(target: ServerUnderTest): Promise<string>;
}

/** The promise was not kept; the message says what was seen. */
export class Broken extends Error {}

/** The server does not offer what the rule is about. */
export class NotOffered extends Error {}

/** Fails unless it is so. */
export function expect(isTrue: boolean, seen: string): void {
  if (!isTrue) throw new Broken(seen);
}

/** Fails unless an answer has this code, and these fields. */
export function expectCode(answer: Answer, code: string, fields: Json = {}): string {
  const { data } = answer;
  expect(data.code === code, `${data.code}, wanted ${code}`);
  for (const [name, wanted] of Object.entries(fields)) {
    const found = JSON.stringify(data[name]);
    expect(found === JSON.stringify(wanted), `${code} with ${name} ${found}`);
  }
  return [code, ...Object.entries(fields).map(([name, value]) => `${name} ${value}`)].join(", ");
}
