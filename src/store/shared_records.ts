/** Records of sessions as bytes, for shared memory: their ids, their text, and each kept reply for itself. @module */
import type { RingEntry, SessionRecord } from "../session/mod.ts";
import { padded, type SessionKey } from "./shared_replies.ts";
import type { SessionBytes } from "./shared_table.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id as words; undefined for a text that is no id of a session. */
export function keyOf(id: string): SessionKey | undefined {
  if (!UUID.test(id)) return undefined;
  const word = (hex: string) => parseInt(hex, 16) | 0;
  return [
    word(id.slice(0, 8)),
    word(id.slice(9, 13) + id.slice(14, 18)),
    word(id.slice(19, 23) + id.slice(24, 28)),
    word(id.slice(28)),
  ];
}

/** A save needs no more memory than this, in bytes, but for one that is unusually large. */
const USUAL_BYTES = 256 * 1024;

/** Writes records as bytes, into memory that each save uses again. */
export class RecordWriter {
  readonly #encoder = new TextEncoder();
  #usual = new Uint8Array(4096);

  /** The views are valid until the next call. */
  write(
    record: SessionRecord,
    replies: readonly RingEntry[],
  ): { readonly text: Uint8Array; readonly added: Uint8Array; readonly addedCount: number } {
    const texts = [JSON.stringify(record), ...replies.map((reply) => JSON.stringify(reply))];
    // Three bytes for each unit of a text at most, its length, and up to the next multiple of 4.
    const room = texts.reduce((sum, { length }) => sum + 3 * length + 8, 0);
    const bytes = room <= this.#usual.length ? this.#usual : new Uint8Array(padded(2 * room));
    if (bytes.length <= USUAL_BYTES) this.#usual = bytes;
    const words = new Int32Array(bytes.buffer);
    const { written: first } = this.#encoder.encodeInto(texts[0]!, bytes);
    const from = padded(first);
    let to = from;
    for (const text of texts.slice(1)) {
      const { written } = this.#encoder.encodeInto(text, bytes.subarray(to + 4));
      words[to >> 2] = written;
      to += 4 + padded(written);
    }
    return {
      text: bytes.subarray(0, first),
      added: bytes.subarray(from, to),
      addedCount: replies.length,
    };
  }
}

const decoder = new TextDecoder();

/** The record that was written so. */
export function recordOf({ text, replies }: SessionBytes): SessionRecord {
  const record = JSON.parse(decoder.decode(text));
  const words = new Int32Array(replies.buffer);
  for (let at = 0; at < replies.length;) {
    const length = words[at >> 2]!;
    record.ring.push(JSON.parse(decoder.decode(replies.subarray(at + 4, at + 4 + length))));
    at += 4 + padded(length);
  }
  return record;
}
