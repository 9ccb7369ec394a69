/** How large a frame may be, and which file is too large for any: pure. @module */
import { FxferError } from "../errors.ts";
import { CHECKPOINT_BYTES, DEFAULT_MAX_REQUEST_SIZE } from "../protocol/mod.ts";
import type { Terms } from "./types.ts";

/** A chunk of a source that is read once: the window times this is what may be in memory. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * The frame size for a file.
 *
 * @param size Of the file; undefined while unknown.
 * @returns Bytes; Infinity if the file goes in one frame whatever its size.
 * @throws {FxferError} `too_large`.
 */
export function frameSizeFor(
  mode: "stateful" | "stateless",
  limits: Terms["limits"] | undefined,
  size: number | undefined,
): number {
  const request = limits?.maxRequestSize ?? DEFAULT_MAX_REQUEST_SIZE;
  if (mode === "stateful") {
    const most = limits?.maxUploadSize ?? 0;
    if (most > 0 && (size ?? 0) > most) throw tooLarge(mode, most);
    // A frame of one checkpoint: what a cut costs is bounded, and a reply tells of progress.
    return Math.max(1, Math.min(request, size === undefined ? CHUNK_BYTES : CHECKPOINT_BYTES));
  }
  // Without terms only the server can tell.
  if (limits !== undefined && (size ?? 0) > request) throw tooLarge(mode, request);
  return size === undefined ? request : Infinity;
}

/** The error of a file over a limit; without one if the server did not say. */
export function tooLarge(mode: "stateful" | "stateless", limit: unknown): FxferError {
  const known = typeof limit === "number";
  const bytes = known ? ` of ${limit} bytes` : "";
  const advice = mode === "stateless" ? "; use stateful mode" : "";
  const message = `Cannot send file: it is over the server's limit${bytes}${advice}`;
  return new FxferError("too_large", message, known ? { fields: { limit } } : {});
}
