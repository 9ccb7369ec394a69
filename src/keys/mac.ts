/**
 * Message authentication codes of frames (S-KEY-2, S-MAC-1).
 *
 * A sender writes its frame with 43 dots where the code will stand, computes the code over the bytes as
 * they are, and writes it over the dots. A receiver reads the code's own characters as dots. So nothing
 * is ever parsed and written again for a code.
 *
 * @module
 */
import { createHash, type Hash, hkdfSync } from "node:crypto";
import { countDigests } from "../digest_memory.ts";
import { FxferError } from "../errors.ts";
import { SECRET_CHARACTERS } from "./key_text.ts";

/** The header line with its LF and the session data of a frame, as they were sent.
 * @category Keys */
export interface CoveredBytes {
  /** Header line, LF, session data. */
  readonly bytes: Uint8Array;
  /** How many of them are the header line, without its LF. */
  readonly line: number;
}

/** Which end of a connection has made a frame. */
export type End = "client" | "server";

const LETTER: Readonly<Record<End, string>> = { client: "c", server: "s" };
const DOTS = new Uint8Array(SECRET_CHARACTERS).fill(0x2e);
const ASCII = new TextEncoder();

/** The key for the connect of a client, or for the server's reply to it (S-KEY-2). */
export function connectKey(secret: Uint8Array, end: End): MacKey {
  return derive(secret, new Uint8Array(0), `fxfer 2.1 ${LETTER[end]}`);
}

/**
 * The key for the frames after a connect (S-MAC-1).
 *
 * @param nonce Of the connect, in base64url as it was sent.
 * @param challenge Of the reply, likewise.
 */
export function frameKey(
  secret: Uint8Array,
  nonce: string,
  challenge: string,
  end: End,
): MacKey {
  const salt = new Uint8Array([...bytesOf(nonce), ...bytesOf(challenge)]);
  return derive(secret, salt, `fxfer 2.1 ${LETTER[end]} frames`);
}

function derive(secret: Uint8Array, salt: Uint8Array, info: string): MacKey {
  return new MacKey(new Uint8Array(hkdfSync("sha256", secret, salt, info, 32)));
}

function bytesOf(base64url: string): Uint8Array {
  return Uint8Array.from(
    atob(base64url.replaceAll("-", "+").replaceAll("_", "/")),
    (character) => character.charCodeAt(0),
  );
}

/** What follows the frame under the MAC of a frame: how many frames this end has sent before (S-MAC-1). */
export function counted(frames: number): Uint8Array {
  const bytes = new Uint8Array(8);
  // Digit by digit: a BigInt would take as long as a third of the code.
  for (let at = 7, rest = frames; rest > 0; at--, rest = Math.floor(rest / 256)) {
    bytes[at] = rest % 256;
  }
  return bytes;
}

/**
 * An HMAC-SHA256 (RFC 2104) whose two hashes have taken in the key already: for each frame they are copied,
 * which takes half the time of an HMAC from its beginning.
 * @category Keys
 */
export class MacKey {
  readonly #inner: Hash;
  readonly #outer: Hash;

  /** Takes the 32 bytes of a key. */
  constructor(key: Uint8Array) {
    const padded = (pad: number) =>
      createHash("sha256").update(Uint8Array.from({ length: 64 }, (_, at) => (key[at] ?? 0) ^ pad));
    this.#inner = padded(0x36);
    this.#outer = padded(0x5c);
  }

  /**
   * Computes the code of a frame.
   *
   * @param at Where the code's 43 characters stand.
   * @param tail What follows the frame: the nonce of the request, or {@linkcode counted}.
   */
  macOf({ bytes }: Pick<CoveredBytes, "bytes">, at: number, tail?: Uint8Array | string): string {
    countDigests(2);
    const inner = this.#inner.copy();
    const size = bytes.length + 8;
    // In one piece, because each call into the runtime costs more than copying a frame does.
    if (size <= PIECE.length && typeof tail !== "string") {
      PIECE.set(bytes);
      PIECE.set(DOTS, at);
      if (tail !== undefined) PIECE.set(tail, bytes.length);
      inner.update(PIECE.subarray(0, bytes.length + (tail?.length ?? 0)));
    } else {
      inner.update(bytes.subarray(0, at)).update(DOTS).update(bytes.subarray(at + DOTS.length));
      if (tail !== undefined) inner.update(tail);
    }
    return this.#outer.copy().update(inner.digest()).digest("base64url");
  }
}

/** Where a frame is put together with what its code covers besides. */
const PIECE = new Uint8Array(4096);

/**
 * Writes the code of a frame over its dots, which are the last text of its header line.
 *
 * @param frame Header line, LF and session data.
 * @returns The same bytes.
 * @throws {TypeError} The frame was not written with dots.
 */
export function seal(frame: Uint8Array, key: MacKey, tail?: Uint8Array | string): Uint8Array {
  let end = frame.indexOf(0x0a);
  while (end > 0 && frame[end - 1] !== 0x2e) end--;
  const at = end - SECRET_CHARACTERS;
  if (at < 0 || frame[at] !== 0x2e || frame[at - 1] === 0x2e) {
    throw new TypeError("Cannot seal frame: it has no room for a MAC");
  }
  ASCII.encodeInto(key.macOf({ bytes: frame }, at, tail), frame.subarray(at));
  return frame;
}

/**
 * Where the code stands in the header line.
 *
 * @throws {FxferError} `malformed_header` unless its characters stand there exactly once.
 */
export function placeOf(mac: string, { bytes, line }: CoveredBytes): number {
  const text = LATIN1.decode(bytes.subarray(0, line));
  const at = text.indexOf(mac);
  if (at < 0 || text.indexOf(mac, at + 1) >= 0) {
    throw new FxferError("malformed_header", "Cannot check frame: its mac must stand there once");
  }
  return at;
}

const LATIN1 = new TextDecoder("latin1");

/** Whether a frame has the right code. The time does not tell how much of a wrong code is right. */
export function isRight(
  key: MacKey,
  signed: CoveredBytes,
  mac: string,
  at: number,
  tail?: Uint8Array | string,
): boolean {
  // The texts are compared, because the last character of 43 has two bits that no byte has.
  return sameText(key.macOf(signed, at, tail), mac);
}

/** Compares two texts without stopping at the first difference. Their length is no secret. */
function sameText(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}

/** The codes of one connection after its connect, in both directions (S-MAC-1). */
export class FrameMacs {
  readonly #ours: MacKey;
  readonly #theirs: MacKey;
  #sent: number;
  #received: number;

  /**
   * Derives the keys of both directions.
   *
   * @param end Which end this is.
   * @param sent How many frames this end has sent on the connection: the connect or its reply among them.
   * @param received How many it has received.
   */
  constructor(
    secret: Uint8Array,
    { nonce, challenge }: { readonly nonce: string; readonly challenge: string },
    end: End,
    sent: number,
    received: number,
  ) {
    const other = end === "client" ? "server" : "client";
    this.#ours = frameKey(secret, nonce, challenge, end);
    this.#theirs = frameKey(secret, nonce, challenge, other);
    this.#sent = sent;
    this.#received = received;
  }

  /** Completes the next frame of this end; its header line ends in dots. */
  seal(frame: Uint8Array): Uint8Array {
    return seal(frame, this.#ours, counted(this.#sent++));
  }

  /**
   * Checks the next frame of the other end.
   *
   * @throws {FxferError} `hmac_required` without a code, `replay_detected` with one that is not right here.
   */
  check(mac: string | undefined, signed: CoveredBytes | undefined): void {
    if (mac === undefined || signed === undefined) {
      throw new FxferError("hmac_required", "Cannot take frame: it has no mac");
    }
    const tail = counted(this.#received++);
    if (isRight(this.#theirs, signed, mac, placeOf(mac, signed), tail)) return;
    throw new FxferError("replay_detected", "Cannot take frame: its mac is not right here");
  }
}
