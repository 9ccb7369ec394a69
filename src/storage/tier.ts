/** Asks Deno what the process may do in the folder, and never lets a prompt appear. @module */
import { FxferError } from "../errors.ts";
import type { Tier } from "./types.ts";

/**
 * The permission tier for a folder. A permission that Deno would have to ask a person for counts as
 * denied, because a server has nobody at its terminal.
 *
 * @throws {FxferError} `config_invalid` without permission to write.
 */
export async function findTier(folder: string): Promise<Tier> {
  const write = await Deno.permissions.query({ name: "write", path: folder });
  if (write.state !== "granted") {
    throw new FxferError(
      "config_invalid",
      "Cannot open storage: no permission to write there, run with --allow-write=<storage folder>",
    );
  }
  const read = await Deno.permissions.query({ name: "read", path: folder });
  return read.state === "granted" ? "RW" : "W";
}

/** Whether the process may ask for free space: `--allow-sys=statfs`, and permission to read. */
export async function mayAskFreeSpace(tier: Tier): Promise<boolean> {
  if (tier === "W") return false;
  // Deno checks a permission of this kind, but its type does not list it.
  const kind = "statfs" as unknown as "osRelease";
  try {
    return (await Deno.permissions.query({ name: "sys", kind })).state === "granted";
  } catch {
    return false;
  }
}
