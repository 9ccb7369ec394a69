/** How many bytes of a file go into one frame, and which files are too large to send. Pure. @module */
import { CODES, FxferError, isCode } from "../errors.ts";
import { CHECKPOINT_BYTES, DEFAULT_MAX_REQUEST_SIZE, type Mode } from "../protocol/mod.ts";
import type { Terms } from "./terms.ts";

/** Frames of a stream are kept in memory until they are answered: a full window of them is 16 MiB. */
const STREAM_FRAME_BYTES = 1024 * 1024;

/**
 * The bytes of a file in one frame; Infinity if the file goes into one frame whatever its size.
 *
 * @param limits Undefined where the server stated none: then only the server can refuse the file.
 * @param size Of the file; undefined while unknown.
 * @throws {FxferError} `too_large` if the file is over a limit that the server stated.
 */
export function frameSizeFor(
  mode: Mode,
  limits: Terms["limits"] | undefined,
  size: number | undefined,
): number {
  const request = limits?.maxRequestSize ?? DEFAULT_MAX_REQUEST_SIZE;
  if (mode === "stateful") {
    const most = limits?.maxUploadSize ?? 0;
    if (most > 0 && (size ?? 0) > most) throw tooLarge(mode, most);
    const wanted = size === undefined ? STREAM_FRAME_BYTES : CHECKPOINT_BYTES;
    return Math.max(1, Math.min(request, wanted));
  }
  if (limits !== undefined && (size ?? 0) > request) throw tooLarge(mode, request);
  return size === undefined ? request : Infinity;
}

/** The error of a file over a limit; the server may not have said which limit. */
export function tooLarge(mode: Mode, limit: unknown): FxferError {
  const known = typeof limit === "number";
  const bytes = known ? ` of ${limit} bytes` : "";
  const advice = mode === "stateless" ? "; use stateful mode" : "";
  const message = `Cannot send file: it is over the server's limit${bytes}${advice}`;
  return new FxferError("too_large", message, known ? { fields: { limit } } : {});
}

/** Why files that need a session wait for one; undefined if the server will never have one to give. */
export function shortageOf(code: string): FxferError | undefined {
  if (!isCode(code) || CODES[code].class !== "retry") return undefined;
  return new FxferError(code, `Cannot get a session: ${CODES[code].message}`);
}
