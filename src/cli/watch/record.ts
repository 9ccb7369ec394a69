/** What `fxfer watch` saves: one frame or event of a connection as a line of JSON. Pure. @module */
import type { SeenFrame } from "../demo/wire_view.ts";

/** Something that happened on a connection, `ms` milliseconds after the start. */
export type WireRecord =
  & { readonly ms: number; readonly connection: number }
  & (
    | { readonly event: "open" | "closed" | "unread" }
    | { readonly event: "frame"; readonly overhead: number; readonly frame: SeenFrame["frame"] }
  );

/** Fields that a file may not keep: whoever has them can go on with the session, or act for its user. */
const SECRET: ReadonlySet<string> = new Set(["token", "auth", "mac", "ticket", "signed"]);

/** A frame as a record, without secrets. */
export function recordOf({ connection, overhead, frame }: SeenFrame): Omit<WireRecord, "ms"> {
  const safe = JSON.parse(
    JSON.stringify(frame, (key, value) => SECRET.has(key) ? undefined : value),
  );
  return { connection, event: "frame", overhead, frame: safe } as Omit<WireRecord, "ms">;
}

/** A line that was saved; undefined for any other text. */
export function readRecord(line: string): WireRecord | undefined {
  let value;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isCount(value?.ms) || !isCount(value.connection)) return undefined;
  if (["open", "closed", "unread"].includes(value.event)) return value;
  const { frame } = value;
  const part = frame?.type === "request" ? frame.request : frame?.reply;
  const session = part?.header?.session;
  const isFrame = value.event === "frame" && isCount(value.overhead) &&
    (frame?.type === "request" || frame?.type === "reply" && isWord(part?.body?.code)) &&
    isCount(part.header?.size) && isCount(session?.sequence) && isWord(session.action) &&
    isWord(session.mode) && (session.id === null || typeof session.id === "string");
  return isFrame ? value : undefined;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && value as number >= 0;
const isWord = (value: unknown): boolean => typeof value === "string" && /^[a-z_0-9]+$/.test(value);
