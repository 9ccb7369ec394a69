/** Writes frames to a connection: the head of each, then its payload. @module */
import type { ClientConnection } from "./client_connection.ts";
import { sourceChanged } from "./client_errors.ts";
import { FIRST_BYTES } from "./frame_source.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import type { Pace } from "./pace.ts";
import type { TransferFrame } from "./requests.ts";

/**
 * Two larger buffers do not stay in a processor's cache from the read over the hash to the write: a gigabyte
 * takes a sixth more time with a mebibyte each. Smaller ones cost more system calls.
 */
const BUFFER_BYTES = 256 * 1024;

/** Small frames go out together, up to so many bytes in one system call. */
const BATCH_BYTES = 64 * 1024;

/**
 * Writes one frame at a time. A connection runner or a V1 sender calls `send` for each frame.
 *
 * The first bytes of a frame are in memory before it begins, and go out with its head. What must be read
 * goes through two buffers in turns: while the network takes one buffer, the source fills the other and
 * the client hashes the first. So reading, writing and hashing overlap on one thread. What a read gives is
 * written at once, however little: a slow disk is no silence for the server.
 */
export class Transmitter {
  /** When a frame last began or the network last took payload: a sign that the server is alive. */
  movedAt = 0;
  readonly #now: () => number;
  readonly #pace: Pace | undefined;
  #buffers: readonly (Uint8Array | undefined)[] = [];
  /** Frames that are not written yet, and the connection that they are for. */
  #batch: Uint8Array | undefined;
  #batched = 0;
  #batchedFor: ClientConnection | undefined;

  /** @param pace How fast payload may go out; undefined for no limit. */
  constructor(now: () => number, pace?: Pace) {
    this.#now = now;
    this.#pace = pace;
  }

  /** Whether {@linkcode flush} has something to write. */
  holds(connection: ClientConnection): boolean {
    return this.#batched > 0 && this.#batchedFor === connection;
  }

  /** Writes what was gathered. @throws {FxferError} `connection_lost`. */
  async flush(connection: ClientConnection): Promise<void> {
    if (!this.holds(connection)) return;
    const batch = this.#batch!;
    const bytes = batch.subarray(0, this.#batched);
    // After a write that fails the system may still read from the buffer: it is not used again.
    this.#batch = undefined;
    this.#batched = 0;
    this.movedAt = this.#now();
    await connection.write(bytes);
    this.#batch ??= batch;
    this.movedAt = this.#now();
  }

  /** Writes or gathers a request without payload. @throws {FxferError} `connection_lost`. */
  async sendHead(connection: ClientConnection, head: Uint8Array): Promise<void> {
    if (this.gather(connection, head)) return;
    await this.flush(connection);
    if (!this.gather(connection, head)) await connection.write(head);
  }

  /**
   * Puts a request behind others, to be written with them. What was gathered for an earlier connection is
   * forgotten: those requests have no reply, and are sent again.
   *
   * @returns False if it does not fit behind the others, or its payload is not in memory.
   */
  gather(connection: ClientConnection, head: Uint8Array, frame?: TransferFrame): boolean {
    if (this.#batchedFor !== connection) this.#batched = 0;
    const { file, start = 0, end = 0 } = frame ?? {};
    const length = end - start;
    const behind = this.#batched + head.length;
    if (behind + length > BATCH_BYTES || this.#pace !== undefined) return false;
    const payload = file?.source.view(start, length);
    if (payload !== undefined && payload.length < length) return false;
    this.#batch ??= new Uint8Array(BATCH_BYTES);
    this.#batch.set(head, this.#batched);
    this.#batched = behind + length;
    this.#batchedFor = connection;
    if (payload !== undefined) this.#batch.set(payload, behind);
    if (payload !== undefined) file?.bytesSent(payload, start);
    // A repeated frame has no bytes: those in memory are of another one.
    if (length > 0) file?.source.forget();
    return true;
  }

  /**
   * Writes a frame whole. A small frame whose payload is in memory is only gathered: the caller flushes
   * before it waits for anything else.
   *
   * @param head The bytes before the payload.
   * @returns False if the frame is cut short because its file has to be looked at again first.
   * @throws {FxferError} `connection_lost`, or what the source threw. Then the frame is cut short too, and
   * the connection cannot be used for another.
   */
  async send(
    connection: ClientConnection,
    head: Uint8Array,
    frame: TransferFrame,
  ): Promise<boolean> {
    if (this.gather(connection, head, frame)) return true;
    await this.flush(connection);
    if (this.gather(connection, head, frame)) return true;
    const { file, start, end, data: { complete } } = frame;
    const { source } = file;
    this.movedAt = this.#now();
    file.sending = true;
    let at = start;
    let before: Uint8Array | undefined = head;
    let reading: Promise<Uint8Array> | undefined;
    try {
      do {
        const most = at === start ? FIRST_BYTES : BUFFER_BYTES;
        const part = reading === undefined
          ? source.view(at, Math.min(most, end - at))
          : await connection.untilClosed(reading);
        const following = at + part.length;
        const mustRead = following < end && source.view(following, 1).length === 0;
        reading = mustRead ? this.#read(frame, following) : undefined;
        // A rejection before the read is waited for must not end the process.
        reading?.catch(() => {});
        if (complete && following === end && at > start) {
          if (!await connection.untilClosed(file.mayEnd(part, at))) return false;
        }
        await this.#write(connection, before, part, file, at);
        before = undefined;
        at = following;
      } while (at < end);
      return true;
    } finally {
      // A buffer that is still being filled is not used again.
      if (reading !== undefined) this.#buffers = [];
      file.doneSending();
    }
  }

  /** The bytes that one read gives, in the buffer that is free. */
  async #read({ file, end }: TransferFrame, offset: number): Promise<Uint8Array> {
    const [inUse, free = new Uint8Array(BUFFER_BYTES)] = this.#buffers;
    this.#buffers = [free, inUse];
    const into = free.subarray(0, Math.min(BUFFER_BYTES, end - offset));
    const count = await file.source.read(into, offset);
    if (count === null) throw sourceChanged();
    return into.subarray(0, count);
  }

  /** Writes a part of the payload, in one piece or at the pace; `head` goes before it. */
  async #write(
    connection: ClientConnection,
    head: Uint8Array | undefined,
    part: Uint8Array,
    file: OutgoingFile,
    offset: number,
  ): Promise<void> {
    let at = 0;
    do {
      const piece = part.subarray(at, at + (this.#pace?.pieceBytes ?? part.length));
      await this.#pace?.take(piece.length, connection.closed);
      const written = connection.write(at === 0 && head ? joined(head, piece) : piece);
      written.catch(() => {}); // a program's onProgress may throw before the await
      file.bytesSent(piece, offset + at);
      await written;
      this.movedAt = this.#now();
      at += piece.length;
    } while (at < part.length);
  }
}

/** Two pieces in one write: the first bytes of a payload behind their head. */
function joined(head: Uint8Array, bytes: Uint8Array): Uint8Array {
  const both = new Uint8Array(head.length + bytes.length);
  both.set(head);
  both.set(bytes, head.length);
  return both;
}
