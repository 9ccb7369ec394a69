/** What `fxfer send` finds in the operands: files to send, and what is left out. @module */
import type { FileState } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import { count } from "../../text.ts";
import type { Noted } from "./journal_file.ts";

/** One file to send. */
export interface FileToSend {
  /** How messages name it: the path as given, or `-`. */
  readonly label: string;
  /** Where it is read; `-` is standard input. */
  readonly path: string;
  /** The name that the server gets, with folders before it; absent for standard input without `--name`. */
  readonly name?: string;
  readonly mimeType: string;
  /** Bytes; absent for a pipe or a device, whose size is known only at its end. */
  readonly size?: number;
  /** When it was changed, in milliseconds; absent where `size` is. */
  readonly mtime?: number;
  /** Whether its owner may run it. */
  readonly executable?: boolean;
  /** Whether it is on a disk of this machine, which may be waited for by calls that block. */
  readonly local?: boolean;
  /** What a look at it has said, if it is small, and on such a disk that has answered at once. */
  readonly looked?: FileState;
  /** Why it cannot be sent. */
  readonly error?: FxferError;
  /** What the journal has of it: only the journal uses that. A map would keep files from the collector. */
  noted?: Noted;
}

/** Something in a folder that is no file and is not sent. */
export interface LeftOut {
  readonly label: string;
  /** Such as `it is a pipe`. */
  readonly reason: string;
}

/** The note that names are longer or deeper than the server takes. */
export function cutNames(number: number): string {
  return `${count(number, "name")} too long: the server gets the last folders of the path only`;
}
