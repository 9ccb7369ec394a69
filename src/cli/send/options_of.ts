/** What a client is told of a file to send. Pure. @module */
import type { SendOptions } from "../../client/mod.ts";
import type { FileToSend } from "./plan.ts";

/** Options that may still be added to. */
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The options of a file, in one object that is not copied: a folder may have many.
 *
 * @param noRename Whether the file is refused rather than stored under another name.
 */
export function optionsOf(
  { name, mimeType, mtime, executable }: FileToSend,
  uploadId: string,
  noRename: boolean,
): Mutable<SendOptions> {
  const options: Mutable<SendOptions> = { uploadId, mimeType };
  if (name !== undefined) options.name = name;
  // A time before 1970 cannot be said.
  if (mtime !== undefined && mtime >= 0) options.mtimeMs = mtime;
  if (executable !== undefined) options.executable = executable;
  if (noRename) options.onClash = "refuse";
  return options;
}
