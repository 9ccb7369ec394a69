/**
 * Writes one frame at a time: its head, then its payload, through two buffers that are used in turns.
 *
 * While the network takes one buffer, the next one is filled from the source and the first one is hashed.
 * So reading, writing and hashing overlap on one thread, and no byte is copied more often than the read
 * itself does. A connection runner or a V1 sender calls `send` for each frame.
 *
 * @module
 */
import type { ClientConnection } from "./client_connection.ts";
import { sourceChanged } from "./client_errors.ts";
import type { TransferFrame } from "./outgoing_file.ts";

/** Larger buffers are slower on real disks, smaller ones cost more system calls. */
const BUFFER_BYTES = 1024 * 1024;

/** A payload up to this size is copied behind its head: one write instead of two. */
const JOIN_BYTES = 64 * 1024;

/** Writes frames; one frame must be done before the next begins. */
export class Transmitter {
  #current: Uint8Array | undefined;
  #spare: Uint8Array | undefined;

  /**
   * Writes a frame whole.
   *
   * @param head The bytes before the payload.
   * @param onWritten Called each time the network has taken some of the payload.
   * @throws {FxferError} `connection_lost`, or what the source threw. After that the frame is cut short,
   * and the connection cannot be used for another.
   */
  async send(
    connection: ClientConnection,
    head: Uint8Array,
    frame: TransferFrame,
    onWritten: () => void,
  ): Promise<void> {
    const { file, start, end } = frame;
    file.sending = true;
    try {
      const inMemory = file.source.view(start, end - start);
      if (inMemory === undefined) await this.#sendFromSource(connection, head, frame, onWritten);
      else await sendFromMemory(connection, head, frame, inMemory, onWritten);
    } finally {
      file.doneSending();
    }
  }

  async #sendFromSource(
    connection: ClientConnection,
    head: Uint8Array,
    frame: TransferFrame,
    onWritten: () => void,
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
        const spare = this.#spare ??= new Uint8Array(BUFFER_BYTES);
        reading = fill(frame, spare, following);
        // It is awaited below, but perhaps only after it was rejected: that must not end the process.
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
      onWritten();
      if (reading === undefined) return;
      filled = await reading;
      [this.#current, this.#spare] = [this.#spare, this.#current];
      current = this.#current!;
      at = following;
      skip = 0;
    }
  }
}

async function sendFromMemory(
  connection: ClientConnection,
  head: Uint8Array,
  { file, start }: TransferFrame,
  payload: Uint8Array,
  onWritten: () => void,
): Promise<void> {
  if (payload.length <= JOIN_BYTES) {
    const joined = new Uint8Array(head.length + payload.length);
    joined.set(head);
    joined.set(payload, head.length);
    file.bytesSent(payload, start);
    await connection.write(joined);
    return onWritten();
  }
  await connection.write(head);
  for (let at = 0; at < payload.length; at += BUFFER_BYTES) {
    const part = payload.subarray(at, at + BUFFER_BYTES);
    const written = connection.write(part);
    file.bytesSent(part, start + at);
    await written;
    onWritten();
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
