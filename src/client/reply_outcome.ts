/** What a reply means for the file it answers: pure, by the table of wire §9. @module */
import { CODES, type FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import { refusedError } from "./failures.ts";
import { tooLarge } from "./plan.ts";
import type { Frame } from "./outgoing_file.ts";

/** What becomes of a frame's file. */
export type ReplyOutcome =
  /** The server has all up to the frame's end. */
  | { readonly kind: "acknowledged" }
  /** The file is stored. */
  | { readonly kind: "stored" }
  /** It goes on from `offset`; `holds` is another file that has to make room first. */
  | {
    readonly kind: "again";
    readonly offset: number;
    readonly holds?: { readonly uploadId: string | undefined };
  }
  /** It is given up. */
  | { readonly kind: "failed"; readonly error: FxferError };

/** Judges the reply to a transfer frame. */
export function outcomeOf(
  { upload, start, end, data }: Pick<Frame, "start" | "end" | "data"> & {
    readonly upload: { readonly id: string };
  },
  body: ReplyBody,
  mode: "stateful" | "stateless",
): ReplyOutcome {
  const { code, offset } = body;
  switch (CODES[code].class) {
    case "success":
      // A file that is stored already is answered at its first frame (S-TRF-9).
      return { kind: data.complete || body.file !== undefined ? "stored" : "acknowledged" };
    case "retry": {
      // A store that was lost in mid-frame keeps what came (S-DEG-2).
      const kept = offset !== undefined && offset >= start && offset <= end;
      return { kind: "again", offset: kept && mode === "stateful" ? offset : start };
    }
    case "resync":
      if (code === "checksum_mismatch") break;
      if (code === "offset_mismatch") return rightOffset(upload.id, body);
      if (code === "replay_too_old") {
        // It ran: an unfinished file goes on, a finished one is found by its upload id.
        return data.complete ? { kind: "again", offset: 0 } : { kind: "acknowledged" };
      }
      return { kind: "again", offset: start };
    default:
      if (code === "too_large" && mode === "stateless") {
        return { kind: "failed", error: tooLarge(mode, body.limit) };
      }
  }
  return { kind: "failed", error: refusedError(body) };
}

/** S-TRF-1: the offset the server names, unless it is another file's. */
function rightOffset(id: string, { offset = 0, upload_id: open }: ReplyBody): ReplyOutcome {
  if (open === undefined || open === id) return { kind: "again", offset };
  if (typeof open === "string") return { kind: "again", offset: 0, holds: { uploadId: open } };
  // null: no file is open, or one without an id.
  return offset === 0
    ? { kind: "again", offset }
    : { kind: "again", offset: 0, holds: { uploadId: undefined } };
}
