/** A short cut for the header that nearly every peer sends. @module */
import { TOKEN_CHARACTERS, UUID_V4_PATTERN } from "./fields.ts";
import type { Action, FrameHeader, Mode } from "./frame.ts";
import { ACTIONS, MODES } from "./header.ts";
import { MAX_MIME_TYPE_BYTES } from "./limits.ts";

/** Two of them and a slash are no longer than a media type may be. */
const TOKEN = `[${TOKEN_CHARACTERS}]{1,${(MAX_MIME_TYPE_BYTES - 1) / 2}}`;
/** Of at most 15 digits: safe without a look at its value. */
const INTEGER = "(0|[1-9][0-9]{0,14})";

const USUAL = new RegExp(
  `^\\{"version":"(2\\.[0-9])","mime_type":"(${TOKEN}/${TOKEN})","size":${INTEGER},` +
    `"session":\\{"id":(?:null|"(${UUID_V4_PATTERN})"),"mode":"(${MODES.join("|")})",` +
    `"sequence":${INTEGER},"action":"(${ACTIONS.join("|")})"` +
    `(?:,"data_size":${INTEGER})?\\}\\}$`,
);

/**
 * Reads a v2 header of these fields in this order, without spaces, escapes or anything else: as
 * {@linkcode encodeRequest} and `JSON.stringify` write it. One expression over the text takes a third
 * of the time of scanning, parsing and checking it.
 *
 * @returns Undefined for every other text, right or wrong: the parser decides, and of a text that
 * both can read it makes the same.
 */
export function readUsualHeader(text: string): FrameHeader | undefined {
  const match = USUAL.exec(text);
  if (match === null) return undefined;
  const dataSize = match[8];
  return {
    version: match[1]!,
    mimeType: match[2]!,
    size: Number(match[3]),
    session: {
      id: match[4] ?? null,
      mode: match[5] as Mode,
      sequence: Number(match[6]),
      action: match[7] as Action,
      dataSize: dataSize === undefined ? 0 : Number(dataSize),
    },
  };
}
