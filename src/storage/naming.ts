/**
 * The names of files, and the times in them. Names are made of numbers, a session's UUID and an extension,
 * which is plain. Names that senders have given are made safe in original_names.ts.
 *
 * @module
 */
import { isOriginalPath } from "./original_names.ts";
import type { FileSpec } from "./types.ts";

/** The form of final names: setting `storage.naming`.
 * @category Storage */
export type Naming = "simple" | "session_aware" | "original";

/** Makes `count` random hexadecimal digits. */
export type RandomHex = (count: number) => string;

/** Random bytes are fetched in blocks, so that one system call serves 40 names. */
const BLOCK_BYTES = 1024;

/** A {@linkcode RandomHex} over the system's random source. */
export function createRandomHex(): RandomHex {
  const bytes = new Uint8Array(BLOCK_BYTES);
  let block = "";
  let used = 0;
  return (count) => {
    if (used + count > block.length) {
      block = crypto.getRandomValues(bytes).toHex();
      used = 0;
    }
    used += count;
    return block.slice(used - count, used);
  };
}

/** 128 random bits: nobody can guess such a name and plant a file there, and no name is made twice. */
const FINAL_DIGITS = 32;

/** A temporary name needs fewer digits, because createNew refuses a name that is in use. */
const TEMPORARY_DIGITS = 16;

/** `received_<32 hex>.<ext>` */
export function simpleName(randomHex: RandomHex, extension: string): string {
  return `received_${randomHex(FINAL_DIGITS)}.${extension}`;
}

/** The id that was checked last: files of one session follow each other. */
let checkedId: string | undefined;

/** `session_<id>/file_<sequence>_<timestamp>.<ext>`. @throws {TypeError} The session's id is no UUID. */
export function sessionName(
  { id, sequence }: NonNullable<FileSpec["session"]>,
  time: number,
  extension: string,
): string {
  // The caller passes a UUID that a server made. It is checked because it becomes part of a path.
  if (id !== checkedId && !/^[0-9A-Za-z-]{1,64}$/.test(id)) {
    throw new TypeError("Cannot name a session folder: the id is not a UUID");
  }
  checkedId = id;
  return `session_${id}/file_${sequence}_${timestamp(time)}.${extension}`;
}

/** A name for a partial file in tier RW: `.incoming/<random>.part`. */
export function temporaryName(randomHex: RandomHex): string {
  return `${INCOMING}/${randomHex(TEMPORARY_DIGITS)}.part`;
}

/** The folder for partial files in tier RW, on the same file system as the final names. */
export const INCOMING = ".incoming";

/** The second whose texts are kept, because many files are stored in one second. */
let second = NaN;
let isoText = "";
let plainText = "";

/** Sees to it that the texts are those of a time's second, and returns its milliseconds as three digits. */
function textsOf(time: number): string {
  const whole = Math.floor(time / 1000);
  if (whole !== second) {
    isoText = new Date(whole * 1000).toISOString().slice(0, 20);
    plainText = isoText.replace(/[-:.]/g, "");
    second = whole;
  }
  return String(time - whole * 1000).padStart(3, "0");
}

/**
 * A time as ISO 8601 in UTC with milliseconds, as `Date.toISOString` writes it.
 *
 * @param time Milliseconds since the epoch, a whole number.
 */
export function isoTime(time: number): string {
  const ms = textsOf(time);
  return `${isoText}${ms}Z`;
}

/** A time for a file's name, in UTC with milliseconds: `20261123T101112345`. */
export function timestamp(time: number): string {
  const ms = textsOf(time);
  return plainText + ms;
}

/** The folder part of a storage path; undefined for a file right in the storage folder. */
export function folderOf(path: string): string | undefined {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? undefined : path.slice(0, slash);
}

const FINAL =
  /^(?:received_[0-9a-f]{16,64}|session_([0-9A-Za-z-]{1,64})\/file_([0-9]{1,16})_[0-9]{8}T[0-9]{9})\.[0-9A-Za-z_-]{1,32}$/;
const TEMPORARY = /^\.incoming\/[0-9a-f]{16,64}\.part$/;

/** Whether a path, for example of a session record or a line of the manifest, is a final path. */
export function isFinalPath(path: string): boolean {
  return FINAL.test(path) || isOriginalPath(path);
}

/** Whether a path is that of a partial file in tier RW. */
export function isTemporaryPath(path: string): boolean {
  return TEMPORARY.test(path);
}

/** The session and sequence in a final path; undefined for the simple form. */
export function sessionOf(path: string): NonNullable<FileSpec["session"]> | undefined {
  const match = FINAL.exec(path);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { id: match[1], sequence: Number(match[2]) };
}
