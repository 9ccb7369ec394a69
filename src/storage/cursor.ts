/** Where a list goes on, as the text that a page gives out and takes back. @module */
import { FxferError } from "../errors.ts";
import { hashName } from "./hash_table.ts";

/** The last file of a page. */
export interface Cursor {
  /** The manifest that `id` is of. */
  readonly manifest: string;
  readonly id: number;
  readonly path: string;
  /** In a list by name, the name. */
  readonly name?: string;
  /** When the file was stored, in milliseconds since the epoch: another manifest may not have it. */
  readonly time?: number;
}

/** The text of a cursor: base64url of its members. */
export function formatCursor({ manifest, id, path, name, time }: Cursor): string {
  const members = [hashName(manifest), id, path, name, time];
  const bytes = new TextEncoder().encode(JSON.stringify(members));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Whether a cursor is of this manifest: positions in another one mean nothing. */
export function isOf(cursor: Cursor, manifest: string): boolean {
  return cursor.manifest === hashName(manifest);
}

/** Reads a cursor. @throws {FxferError} `invalid_field` where it is none of a list in this order. */
export function parseCursor(text: string, order: "newest" | "name"): Cursor {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const [manifest, id, path, name, time] = JSON.parse(new TextDecoder().decode(bytes));
    const named = typeof name === "string";
    if (typeof manifest !== "string" || typeof path !== "string") throw notOfList();
    if (!Number.isSafeInteger(id) || named !== (order === "name")) throw notOfList();
    const timed = Number.isSafeInteger(time);
    return { manifest, id, path, ...(named && { name }), ...(timed && { time }) };
  } catch (cause) {
    throw cause instanceof FxferError ? cause : notOfList(cause);
  }
}

/** The refusal of a cursor that a list cannot go on from. */
export function notOfList(cause?: unknown): FxferError {
  return new FxferError("invalid_field", "Cannot list files: after is not from a list like this", {
    cause,
    fields: { field: "after" },
  });
}
