/** What is told while files are sent: the contract of the text and of the JSON form. @module */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import type { FileToSend } from "./plan.ts";

/** How it all ended. */
export interface Summary {
  readonly stored: number;
  readonly unconfirmed: number;
  readonly failed: number;
  /** Bytes of the stored and the unconfirmed files. */
  readonly bytes: number;
  readonly seconds: number;
  /** 0, or why not. */
  readonly exit: number;
}

/** Hears of everything, in order. */
export interface SendReport {
  /** A file's turn has come. */
  started(target: FileToSend): void;
  /** A part went out or was answered. */
  progress(target: FileToSend, progress: Progress): void;
  /** The server has it; with version 1, perhaps. */
  sent(target: FileToSend, result: SendResult): void;
  /** It was not stored. */
  failed(target: FileToSend, error: FxferError): void;
  /** Something happened to the connection or the session. */
  event(event: ClientEvent, target: FileToSend | undefined): void;
  /** A sentence for people. */
  say(sentence: string): void;
  /** All is over. */
  end(summary: Summary): void;
}
