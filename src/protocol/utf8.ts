/** Text of headers and session data (S-FRM-2). @module */
import { FxferError } from "../errors.ts";

// `ignoreBOM` keeps a BOM in the text, where JSON refuses it.
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Throws for invalid UTF-8, and takes three times as long. */
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a decoder puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = "\ufffd";

/** The text of a header or of session data. Throws `malformed_header` if it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  const text = UTF8.decode(bytes);
  if (text.indexOf(REPLACEMENT) < 0) return text;
  try {
    return STRICT_UTF8.decode(bytes); // the peer may have sent this character itself
  } catch (cause) {
    throw new FxferError("malformed_header", "Cannot read header: not UTF-8", { cause });
  }
}
