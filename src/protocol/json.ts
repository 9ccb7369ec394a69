/**
 * JSON as the wire allows it: stricter than `JSON.parse` (S-FRM-1, S-FRM-2, S-FRM-3).
 *
 * One scan over the text finds what `JSON.parse` would hide: the nesting depth, how many members are
 * written, and whether a number is written in an unusual way. Only a text with such a number needs the
 * slow `JSON.parse` with a reviver; all others take the plain one, and one walk over the result.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { MAX_NESTING } from "./limits.ts";

/** A parsed JSON object; it is only read, field by field. */
export type JsonObject = Readonly<Record<string, unknown>>;

const QUOTE = 0x22, COLON = 0x3a, MINUS = 0x2d, DOT = 0x2e, BACKSLASH = 0x5c, ZERO = 0x30;
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;

/** The source text of an integer (S-FRM-1). */
const PLAIN_INTEGER = /^(?:0|[1-9][0-9]{0,15})$/;
const NUMBER_TAIL = /[0-9.eE+-]*/y;

function malformed(why: string): FxferError {
  return new FxferError("malformed_header", `Cannot parse JSON: ${why}`);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}

/** The index of the quote that closes the string opened at `open`, or the end of the text. */
function endOfString(text: string, open: number): number {
  let at = open + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) at++;
  }
  return at;
}

/**
 * Scans a text without parsing it. The scan does not recurse, because it guards `JSON.parse` against
 * text that nests too deeply.
 *
 * @returns `members`: how many colons stand outside strings, so how many members are written, repeated
 * ones included. `plainNumbers`: whether every number is 1 to 15 digits without a leading zero.
 * `leadingZeros`: the positions of leading zeros, in numbers such as `01`.
 */
function scan(text: string) {
  const leadingZeros: number[] = [];
  let depth = 0;
  let members = 0;
  let plainNumbers = true;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === COLON) {
      members++;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > MAX_NESTING) throw malformed(`nested deeper than ${MAX_NESTING}`);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--;
    } else if (isDigit(code) || code === MINUS) {
      let end = at + 1;
      while (isDigit(text.charCodeAt(end))) end++;
      const next = text.charCodeAt(end);
      const simple = code !== MINUS && end - at <= 15 && next !== DOT && (next | 0x20) !== 0x65;
      const first = code === MINUS ? at + 1 : at;
      const leadingZero = text.charCodeAt(first) === ZERO && end - first > 1;
      if (!simple || leadingZero) {
        plainNumbers = false;
        if (leadingZero) leadingZeros.push(first);
        NUMBER_TAIL.lastIndex = end;
        end += NUMBER_TAIL.exec(text)?.[0].length ?? 0;
      }
      at = end - 1;
    }
  }
  return { members, plainNumbers, leadingZeros };
}

/**
 * Makes numbers such as `01`, which are not JSON, readable: `01` becomes `1.1`. No integer is written
 * like that, so a typed field refuses it by its name, as S-FRM-1 wants, before the header as a whole
 * is refused.
 */
function mendLeadingZeros(text: string, zeros: readonly number[]): string {
  let mended = "";
  let from = 0;
  for (const zero of zeros) {
    mended += text.slice(from, zero) + "1.";
    from = zero + 1;
  }
  return mended + text.slice(from);
}

/** A reviver that makes NaN of a number that breaks S-FRM-1, by its text: `context.source`. */
function numberBySource(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number") return value;
  const plain = PLAIN_INTEGER.test(context?.source ?? "");
  return plain && value <= Number.MAX_SAFE_INTEGER ? value : NaN;
}

function checkText(text: string): void {
  if (!text.isWellFormed() || text.includes("\0")) {
    throw malformed("a text holds NUL or half a surrogate pair");
  }
}

/** Counts the members that parsing kept, and refuses forbidden keys and texts on the way. */
function countMembers(value: unknown, escapes: boolean): number {
  if (typeof value === "string") {
    if (escapes) checkText(value);
    return 0;
  }
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item, escapes);
    return members;
  }
  for (const key of Object.keys(value)) {
    if (key === "__proto__" || key === "constructor" || key === "prototype") {
      throw malformed("a key is forbidden");
    }
    if (escapes) checkText(key);
    members += 1 + countMembers((value as JsonObject)[key], escapes);
  }
  return members;
}

function parse(text: string, plain: boolean): unknown {
  try {
    return plain ? JSON.parse(text) : JSON.parse(text, numberBySource);
  } catch {
    // Without a cause: the text of a SyntaxError quotes what the peer sent.
    throw malformed("bad syntax");
  }
}

/** Which numbers are taken: those of S-FRM-1 or, for the fields of a reply, any number of JSON. */
export type Numbers = "integers" | "any";

/**
 * Parses one JSON object and lets `read` copy its fields.
 *
 * @param text Well-formed text, as a fatal `TextDecoder` gives it.
 * @param read Copies the known fields. With `"integers"` a number that breaks S-FRM-1 is NaN for it, so
 * that a typed field refuses the number and an unknown field is ignored.
 * @throws {FxferError} `malformed_header`, and what `read` throws.
 */
export function parseStrictJson<T>(
  text: string,
  read: (object: JsonObject) => T,
  numbers: Numbers = "integers",
): T {
  const { members, plainNumbers, leadingZeros } = scan(text);
  const json = leadingZeros.length === 0 ? text : mendLeadingZeros(text, leadingZeros);
  const value = parse(json, plainNumbers || (numbers === "any" && leadingZeros.length === 0));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("not an object");
  }
  // A text without escapes holds no NUL, which is not JSON, and no half pair, which is not UTF-8.
  if (countMembers(value, text.includes("\\")) !== members) throw malformed("a key is repeated");
  const result = read(value as JsonObject);
  if (leadingZeros.length > 0) throw malformed("a number starts with 0");
  return result;
}

// `ignoreBOM` keeps a BOM in the text, where JSON refuses it.
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Throws for invalid UTF-8, and takes three times as long. */
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a decoder puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = "\ufffd";

/** The text of a header or of session data (S-FRM-2). Throws `malformed_header` if it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  const text = UTF8.decode(bytes);
  if (text.indexOf(REPLACEMENT) < 0) return text;
  try {
    return STRICT_UTF8.decode(bytes); // the peer may have sent this character itself
  } catch (cause) {
    throw new FxferError("malformed_header", "Cannot read header: not UTF-8", { cause });
  }
}
