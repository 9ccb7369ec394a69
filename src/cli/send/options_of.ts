/** What a client is told of a file to send. Pure. @module */
import { fitName, type SendOptions, type Terms } from "../../client/mod.ts";
import type { Mutable } from "../../omit_undefined.ts";
import type { FileToSend } from "./file_to_send.ts";

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

/** Whether a server gets the last folders of a file's path only; an older one takes no long names. */
export function isCut({ name = "" }: FileToSend, terms: Terms | undefined): boolean {
  if (terms === undefined || terms.features.includes("names")) return false;
  return fitName(name, false) !== name;
}
