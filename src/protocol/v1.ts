/** What is written in version 1: a header of two fields, and result lines (S-VER-3). @module */
import { mediaType } from "./fields.ts";
import type { V1Header } from "./frame.ts";

const UTF8 = new TextEncoder();

/** What became of one v1 file.
 * @category Protocol */
export type V1Result =
  /** The file is stored under this path, relative to the storage folder. */
  | { readonly ok: true; readonly path: string }
  /** The file is not stored; the text says why. */
  | { readonly ok: false; readonly text: string };

/**
 * Encodes a v1 header with its LF; the caller sends the payload after it.
 *
 * @throws {TypeError} `mimeType` is not a media type.
 * @throws {RangeError} `size` is not an integer from 0 to 2^53-1.
 *
 * @example
 * ```ts
 * import { encodeV1Header } from "./mod.ts";
 *
 * const text = new TextDecoder().decode(encodeV1Header({ mimeType: "image/png", size: 3 }));
 * console.assert(text === '{"mime_type":"image/png","size":3}\n');
 * ```
 * @category Protocol
 */
export function encodeV1Header(header: V1Header): Uint8Array {
  const mimeType = mediaType(header.mimeType);
  if (mimeType === undefined) {
    throw new TypeError("Cannot encode v1 header: mimeType must be type/subtype");
  }
  if (!Number.isSafeInteger(header.size) || header.size < 0) {
    throw new RangeError("Cannot encode v1 header: size must be an integer from 0 to 2^53-1");
  }
  return UTF8.encode(`{"mime_type":"${mimeType}","size":${header.size}}\n`);
}

/**
 * Encodes the lines that a v1 client gets after its EOF, one a file: `OK <path>` or `ERROR <text>`.
 * Written earlier they can do harm: a v1 client that closes with unread bytes loses what it has not
 * sent (S-VER-3).
 *
 * @example
 * ```ts
 * import { encodeV1Results } from "./mod.ts";
 *
 * const bytes = encodeV1Results([{ ok: true, path: "a.png" }, { ok: false, text: "too large" }]);
 * console.assert(new TextDecoder().decode(bytes) === "OK a.png\nERROR too large\n");
 * ```
 * @category Protocol
 */
export function encodeV1Results(results: readonly V1Result[]): Uint8Array {
  const lines = results.map((result) =>
    `${result.ok ? `OK ${oneLine(result.path)}` : `ERROR ${oneLine(result.text)}`}\n`
  );
  return UTF8.encode(lines.join(""));
}

/** Escapes control and direction characters, so that each result stays one line. */
function oneLine(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
