/** Writes frames to a connection: the head of each, then its payload. @module */
import type { ClientConnection } from "./client_connection.ts";
import { sourceChanged } from "./client_errors.ts";
import type { TransferFrame } from "./outgoing_file.ts";

/** Larger buffers are slower on real disks, smaller ones cost more system calls. */
const BUFFER_BYTES = 1024 * 1024;

/** A payload up to this size is copied behind its head: one write instead of two. */
const JOIN_BYTES = 64 * 1024;

/**
 * Writes one frame at a time. A connection runner or a V1 sender calls `send` for each frame.
 *
 * A payload that must be read goes through two buffers in turns: while the network takes one buffer, the
 * client fills the next one from the source and hashes the first. So reading, writing and hashing overlap
 * on one thread, and a byte is copied only by the read itself.
 */
export class Transmitter {
  /** When a frame last began or the network last took payload: a sign that the server is alive. */
  movedAt = 0;
  readonly #now: () => number;
  #current: Uint8Array | undefined;
  #spare: Uint8Array | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Writes a frame whole.
   *
   * @param head The bytes before the payload.
   * @throws {FxferError} `connection_lost`, or what the source threw. After that the frame is cut short,
   * and the connection cannot be used for another.
   */
  async send(connection: ClientConnection, head: Uint8Array, frame: TransferFrame): Promise<void> {
    const { file, start, end } = frame;
    this.movedAt = this.#now();
    file.sending = true;
    try {
      const payload = file.source.view(start, end - start);
      if (payload === undefined) await this.#sendFromSource(connection, head, frame);
      else await this.#sendFromMemory(connection, head, frame, payload);
    } finally {
      file.doneSending();
    }
  }

  async #sendFromSource(
    connection: ClientConnection,
    head: Uint8Array,
    frame: TransferFrame,
  ): Promise<void> {
    const { file, end } = frame;
    let current = this.#current ??= new Uint8Array(BUFFER_BYTES);
    current.set(head);
    let skip = head.length;
    let at = frame.start;
    let filled = skip + await fill(frame, current.subarray(skip), at);
    for (;;) {
      const part = current.subarray(skip, filled);
      const following = at + part.length;
      let reading: Promise<number> | undefined;
      if (following < end) {
        reading = fill(frame, this.#spare ??= new Uint8Array(BUFFER_BYTES), following);
        // A rejection before the await below must not end the process.
        reading.catch(() => {});
      }
      const written = connection.write(current.subarray(0, filled));
      try {
        file.bytesSent(part, at);
        await written;
      } catch (error) {
        // The next frame must not use a buffer that is still being filled for this one.
        await reading?.catch(() => {});
        throw error;
      }
      this.movedAt = this.#now();
      if (reading === undefined) return;
      filled = await reading;
      [this.#current, this.#spare] = [this.#spare, this.#current];
      current = this.#current!;
      at = following;
      skip = 0;
    }
  }

  async #sendFromMemory(
    connection: ClientConnection,
    head: Uint8Array,
    { file, start }: TransferFrame,
    payload: Uint8Array,
  ): Promise<void> {
    if (payload.length <= JOIN_BYTES) {
      const joined = new Uint8Array(head.length + payload.length);
      joined.set(head);
      joined.set(payload, head.length);
      file.bytesSent(payload, start);
      await connection.write(joined);
      this.movedAt = this.#now();
      return;
    }
    await connection.write(head);
    for (let at = 0; at < payload.length; at += BUFFER_BYTES) {
      const part = payload.subarray(at, at + BUFFER_BYTES);
      const written = connection.write(part);
      file.bytesSent(part, start + at);
      await written;
      this.movedAt = this.#now();
    }
  }
}

/** Fills `into` with the frame's bytes from `offset`, as far as the frame goes. */
async function fill(frame: TransferFrame, into: Uint8Array, offset: number): Promise<number> {
  const wanted = Math.min(into.length, frame.end - offset);
  let filled = 0;
  while (filled < wanted) {
    const count = await frame.file.source.read(
      filled === 0 && wanted === into.length ? into : into.subarray(filled, wanted),
      offset + filled,
    );
    if (count === null) throw sourceChanged();
    filled += count;
  }
  return filled;
}
