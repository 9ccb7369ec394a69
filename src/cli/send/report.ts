/** What a report of `fxfer send` is told; there is one as text and one as JSON. @module */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import type { FileToSend } from "./plan.ts";

/** How the whole command ended. */
export interface Summary {
  readonly stored: number;
  readonly unconfirmed: number;
  readonly failed: number;
  /** Bytes of the stored and the unconfirmed files. */
  readonly bytes: number;
  readonly seconds: number;
  /** The exit code. */
  readonly exit: number;
}

/** Is told what happens, in order. */
export interface SendReport {
  /** A file begins. */
  started(target: FileToSend): void;
  /** A part of a file was sent or answered. */
  progress(target: FileToSend, progress: Progress): void;
  /** A file is stored, or was sent to a version 1 server that confirms nothing. */
  sent(target: FileToSend, result: SendResult): void;
  /** A file was not stored. */
  failed(target: FileToSend, error: FxferError): void;
  /** Something happened to the connection or the session. */
  event(event: ClientEvent, target: FileToSend | undefined): void;
  /** A sentence for people. */
  say(sentence: string): void;
  /** No file is left. */
  end(summary: Summary): void;
}
