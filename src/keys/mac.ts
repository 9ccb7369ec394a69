/**
 * Message authentication codes of frames (S-KEY-2, S-MAC-1).
 *
 * A sender writes its frame with 43 dots where the code will stand, computes the code over the bytes as
 * they are, and writes it over the dots. A receiver reads the code's own characters as dots. So nothing
 * is ever parsed and written again for a code.
 *
 * @module
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
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
export function connectKey(secret: Uint8Array, end: End): Uint8Array {
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
): Uint8Array {
  const salt = new Uint8Array([...bytesOf(nonce), ...bytesOf(challenge)]);
  return derive(secret, salt, `fxfer 2.1 ${LETTER[end]} frames`);
}

function derive(secret: Uint8Array, salt: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, 32));
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
  new DataView(bytes.buffer).setBigUint64(0, BigInt(frames));
  return bytes;
}

/**
 * Computes the code of a frame.
 *
 * @param at Where the code's 43 characters stand.
 * @param tail What follows the frame: the nonce of the request, or {@linkcode counted}.
 */
export function macOf(
  key: Uint8Array,
  { bytes }: Pick<CoveredBytes, "bytes">,
  at: number,
  tail?: Uint8Array | string,
): string {
  const hmac = createHmac("sha256", key)
    .update(bytes.subarray(0, at))
    .update(DOTS)
    .update(bytes.subarray(at + SECRET_CHARACTERS));
  if (tail !== undefined) hmac.update(tail);
  return hmac.digest("base64url");
}

/**
 * Writes the code of a frame over its dots, which are the last text of its header line.
 *
 * @param frame Header line, LF and session data.
 * @returns The same bytes.
 * @throws {TypeError} The frame was not written with dots.
 */
export function seal(frame: Uint8Array, key: Uint8Array, tail?: Uint8Array | string): Uint8Array {
  let end = frame.indexOf(0x0a);
  while (end > 0 && frame[end - 1] !== 0x2e) end--;
  const at = end - SECRET_CHARACTERS;
  if (at < 0 || frame.subarray(at, end).some((byte) => byte !== 0x2e)) {
    throw new TypeError("Cannot seal frame: it has no room for a MAC");
  }
  frame.set(ASCII.encode(macOf(key, { bytes: frame }, at, tail)), at);
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
  key: Uint8Array,
  signed: CoveredBytes,
  mac: string,
  at: number,
  tail?: Uint8Array | string,
): boolean {
  // The texts are compared, because the last character of 43 has two bits that no byte has.
  return timingSafeEqual(ASCII.encode(macOf(key, signed, at, tail)), ASCII.encode(mac));
}

/** The codes of one connection after its connect, in both directions (S-MAC-1). */
export class FrameMacs {
  readonly #ours: Uint8Array;
  readonly #theirs: Uint8Array;
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
