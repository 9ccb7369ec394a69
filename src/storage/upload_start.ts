/** What an upload starts with, whether it is new or reopened. @module */
import type { Hash } from "node:crypto";
import type { FileSpec } from "./types.ts";

/**
 * The start of an upload. Its room is reserved in the budget already:
 * `spec.reserve` bytes, or `offset` if that is more; `offset` of them are written.
 */
export interface UploadStart {
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly spec: FileSpec;
  readonly file: Deno.FsFile;
  /** The digest of the first `offset` bytes; with `unread`, of none. */
  readonly hash: Hash;
  /** The same file, opened for reading: its digest is still to be read. */
  readonly unread?: Deno.FsFile;
  readonly offset: number;
}
