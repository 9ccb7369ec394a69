/**
 * Writes one frame: its head, then its payload, with a constant two buffers.
 *
 * While the network takes one buffer the next one fills from the source, and the first is hashed:
 * three things at a time on one thread, without a copy beyond the read itself.
 *
 * @module
 */
import { encodeRequest } from "../protocol/mod.ts";
import type { ClientConnection } from "./client_connection.ts";
import { sourceChanged } from "./failures.ts";
import type { Frame } from "./outgoing_file.ts";

/** Larger is slower on real disks, smaller costs more system calls. */
const BUFFER_BYTES = 1024 * 1024;

/** A payload up to this size is copied behind its head: one write instead of two. */
const JOIN_BYTES = 64 * 1024;

/** Whose frames are sent. */
export interface Sender {
  /** null without a session. */
  readonly id: string | null;
  readonly mode: "stateful" | "stateless";
}

/** Writes frames, one at a time. */
export class Transmitter {
  #current: Uint8Array | undefined;
  #spare: Uint8Array | undefined;

  /**
   * Writes `frame` whole.
   *
   * @param onWritten Called when the network has taken some of the payload.
   * @throws {FxferError} `connection_lost` by the connection, or what the source threw: after that
   * the frame is cut short, and the connection cannot be used for another.
   */
  async send(
    connection: ClientConnection,
    sender: Sender,
    frame: Frame,
    onWritten: () => void,
  ): Promise<void> {
    const { upload, start, end } = frame;
    const head = encodeRequest({
      ...sender,
      mimeType: upload.mimeType,
      size: end - start,
      sequence: frame.sequence,
      action: "transfer",
      data: frame.data,
    });
    upload.sending = true;
    try {
      await this.sendBytes(connection, head, frame, onWritten);
    } finally {
      upload.sending = false;
    }
  }

  /** Writes `head` and the frame's bytes after it. */
  async sendBytes(
    connection: ClientConnection,
    head: Uint8Array,
    frame: Frame,
    onWritten: () => void,
  ): Promise<void> {
    const { upload, start, end } = frame;
    const view = upload.feed.view(start, end - start);
    if (view === undefined) return await this.#copy(connection, head, frame, onWritten);
    if (view.length <= JOIN_BYTES) {
      const joined = new Uint8Array(head.length + view.length);
      joined.set(head);
      joined.set(view, head.length);
      upload.absorb(view, start);
      await connection.write(joined);
      return onWritten();
    }
    await connection.write(head);
    for (let at = 0; at < view.length; at += BUFFER_BYTES) {
      const part = view.subarray(at, at + BUFFER_BYTES);
      const written = connection.write(part);
      upload.absorb(part, start + at);
      await written;
      onWritten();
    }
  }

  /** From a source that has to be read. */
  async #copy(
    connection: ClientConnection,
    head: Uint8Array,
    frame: Frame,
    onWritten: () => void,
  ): Promise<void> {
    const { upload, end } = frame;
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
        // Awaited below, or settled after a failed write: never unheard.
        reading.catch(() => {});
      }
      const written = connection.write(current.subarray(0, filled));
      try {
        upload.absorb(part, at);
        await written;
      } catch (error) {
        // A buffer that is still being filled must not be used for another frame.
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

/** Fills `into` with the frame's bytes from `offset`, as far as the frame goes. */
async function fill(frame: Frame, into: Uint8Array, offset: number): Promise<number> {
  const wanted = Math.min(into.length, frame.end - offset);
  let filled = 0;
  while (filled < wanted) {
    const count = await frame.upload.feed.read(
      filled === 0 && wanted === into.length ? into : into.subarray(filled, wanted),
      offset + filled,
    );
    if (count === null) throw sourceChanged();
    filled += count;
  }
  return filled;
}
