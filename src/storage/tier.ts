/** Asks what the process may do in the folder; never lets a prompt appear. @module */
import { FxferError } from "../errors.ts";
import type { Tier } from "./types.ts";

/**
 * The permission tier for a folder (wire §10), by the permission's state alone: `prompt` counts as
 * no, because a server has nobody to ask.
 *
 * @throws {FxferError} `config_invalid` when the folder cannot even be written.
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

/** Whether free space may be asked for: `statfs` needs `--allow-sys=statfs` besides the read. */
export async function mayAskFreeSpace(tier: Tier): Promise<boolean> {
  if (tier === "W") return false;
  // "statfs" is a kind Deno checks but its type does not list.
  const kind = "statfs" as unknown as "osRelease";
  try {
    return (await Deno.permissions.query({ name: "sys", kind })).state === "granted";
  } catch {
    return false;
  }
}
