/** What the reports of `fxfer send` have in common: one writes text, the other JSON. @module */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import type { FileToSend, LeftOut } from "./file_to_send.ts";
import type { Tally } from "./tally.ts";

/** Tells the user what happens; each method is called when it happens. */
export interface SendReport extends Disposable {
  /** Something is not sent, because it is no file; `isFailure` says that the exit code tells so too. */
  leftOut(what: LeftOut, isFailure: boolean): void;
  /** A file would be sent, were this no dry run. */
  planned(target: FileToSend): void;
  /** A file begins. */
  started(target: FileToSend): void;
  /** So many bytes of a file that the server may have already were read, to be compared. */
  checked(target: FileToSend, bytes: number): void;
  /** Whether {@linkcode progress} has to be called. */
  readonly showsProgress: boolean;
  /** A part of a file was sent or answered. */
  progress(target: FileToSend, progress: Progress): void;
  /** A file is stored, or was sent to a version 1 server that confirms nothing. */
  sent(target: FileToSend, result: SendResult): void;
  /** A file was not stored; `ofAll` says that the error concerns every file, not this one alone. */
  failed(target: FileToSend, error: FxferError, ofAll: boolean): void;
  /** Something happened to the connection or the session. */
  event(event: ClientEvent, target: FileToSend | undefined): void;
  /** A sentence for people. */
  say(sentence: string): void;
  /** No file is left. */
  end(tally: Tally, seconds: number): void;
}
