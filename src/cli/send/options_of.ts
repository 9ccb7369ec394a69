/** What a client is told of a file to send. Pure. @module */
import { fitName, type SendOptions, type Terms } from "../../client/mod.ts";
import type { Mutable } from "../../omit_undefined.ts";
import { cutNames, type FileToSend } from "./plan.ts";

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

/** What is to be said if a server takes no long names; an older one does not. */
export function cutNote(targets: readonly FileToSend[], terms?: Terms): string | undefined {
  if (terms === undefined || terms.features.includes("names")) return undefined;
  const cut = targets.filter(({ name = "" }) => fitName(name, false) !== name).length;
  return cut > 0 ? cutNames(cut) : undefined;
}
