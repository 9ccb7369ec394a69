/** What a failure means for the other files, and how it is told. @module */
import { type Code, FxferError, reasonOf } from "../../errors.ts";
import { localError, whyUnreadable } from "../local.ts";
import { STDIN } from "./args.ts";
import type { FileToSend } from "./file_to_send.ts";

/** Refusals that concern one file: the next file may still be stored. */
export const OF_ONE_FILE: ReadonlySet<Code> = new Set([
  "local_io",
  "source_changed",
  "checksum_mismatch",
  "too_large",
  "length_mismatch",
  "quota_exceeded",
  "invalid_field",
  "unsupported_feature",
  "name_taken",
]);

/** What looks like the name of a server, of any kind. */
const LIKE_A_SERVER = /^[a-z]+:\/\/|:\d+$/i;

/** Why an operand cannot be read; where a server is named, if it looks like one. */
export function whyNoFile(path: string, cause: unknown): string | undefined {
  const why = whyUnreadable(cause);
  if (!(cause instanceof Deno.errors.NotFound && LIKE_A_SERVER.test(path))) return why;
  return `${why} (a server is named before the first FILE, as HOST:PORT or fxfer://HOST)`;
}

/** The error of standard input as a sentence that names it. */
export function aboutInput({ path }: FileToSend, error: FxferError): FxferError {
  if (path !== STDIN || error.code !== "local_io") return error;
  const { cause = error } = error;
  const reason = cause instanceof Deno.errors.IsADirectory ? "it is a folder" : reasonOf(cause);
  return localError("read standard input", cause, reason);
}

/** Whether the server has another file under the upload id (S-TRF-9). */
export function isOtherFile(error: unknown): boolean {
  return error instanceof FxferError && error.code === "sequence_reuse" &&
    error.fields.field === "upload_id";
}

/** The error of a session that moved to a server which is not trusted, with the flag that trusts it. */
export function untrusted({ code, message, fields, cause }: FxferError): FxferError | undefined {
  const { address, trusted } = fields;
  if (code !== "use_another_server" || trusted !== false) return undefined;
  return new FxferError(code, `${message} (--trust ${address})`, { fields, cause });
}
