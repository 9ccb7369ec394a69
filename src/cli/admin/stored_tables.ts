/** What a door answers about files, keys and hooks, as text for people. Pure. @module */
import { escapeControls, formatBytes } from "../../text.ts";
import type { Answer } from "./door_client.ts";
import { since, table } from "./tables.ts";

/** Files as a table. */
export function fileLines({ files, next }: Answer, width: number, now: number): string[] {
  if (files.length === 0) return ["no files"];
  const rows = files.map((file: Answer) => [
    formatBytes(file.size),
    since(file.stored_at, now),
    file.user ?? "",
    file.name ?? "",
    file.path,
  ]);
  const lines = table(["SIZE", "AGE", "USER", "NAME", "PATH"], rows, width);
  return next === null ? lines : [...lines, "and more: give the beginning of a name"];
}

/** Users as a table. */
export function keyLines(keys: readonly Answer[], width: number): string[] {
  if (keys.length === 0) return ["no keys"];
  const amount = (used: number | null, quota: number | null) => {
    const stored = used === null ? "?" : formatBytes(used);
    return quota === null ? stored : `${stored} of ${formatBytes(quota)}`;
  };
  const rows = keys.map((key) => [
    key.name,
    key.can.join(","),
    amount(key.used_bytes, key.quota_bytes),
    key.until ?? "never",
  ]);
  return table(["USER", "MAY", "STORED", "ENDS"], rows, width);
}

/** What hooks have done and have given up. */
export function hookLines({ on, waiting, delivered, dead }: Answer, width: number): string[] {
  if (!on) return ["no hooks: hooks.url is none"];
  const lines = [`${delivered} told, ${waiting} waiting, ${dead.length} given up`];
  if (dead.length === 0) return lines;
  const rows = dead.map((
    each: Answer,
  ) => [each.since, String(each.tries), each.error ?? "", each.path]);
  return [...lines, ...table(["SINCE", "TRIES", "REASON", "PATH"], rows, width)].map(
    escapeControls,
  );
}
