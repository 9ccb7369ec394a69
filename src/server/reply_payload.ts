/** Sends the bytes that follow a reply (S-GET-1). @module */
import { FxferError } from "../errors.ts";
import type { ReplyPayload } from "../handler/mod.ts";
import type { BufferPools } from "./buffers.ts";
import type { Output } from "./output.ts";

/** A payload up to this size, in bytes, is read at once and leaves with the replies before and after it. */
const SMALL_BYTES = 16 * 1024;

/**
 * Sends a payload, after the reply that waits, piece by piece: the next piece is read when the one before is gone, so TCP
 * slows the server down to what its client reads, and others are served between two pieces (S-GET-3).
 *
 * @param interruption What the connection was told to end with.
 * @throws When the bytes cannot be read to their end (S-GET-2), the peer is gone, or the connection is
 * interrupted: then the output has ended inside the frame.
 */
export async function sendPayload(
  output: Output,
  payload: ReplyPayload,
  pools: BufferPools,
  interruption: () => unknown,
): Promise<void> {
  const { size } = payload;
  let isSent = false;
  let lent: Uint8Array<ArrayBuffer> | undefined;
  const pool = size <= SMALL_BYTES || pools.stream.scarce ? pools.gather : pools.stream;
  try {
    const buffer = size <= SMALL_BYTES ? new Uint8Array(size) : lent = pool.lend();
    for (let left = size; left > 0;) {
      const piece = buffer.length > left ? buffer.subarray(0, left) : buffer;
      const count = await fill(payload, piece);
      if (interruption() !== undefined) throw interruption();
      if (lent === undefined) output.add(piece.subarray(0, count));
      else await output.send(piece.subarray(0, count));
      if (count < piece.length) throw cutShort();
      left -= count;
    }
    isSent = true;
  } catch (error) {
    // Small replies that wait may leave before the cut; a write that was interrupted has made it already.
    await output.flush()?.catch(() => {});
    output.breakOff(error);
    throw error;
  } finally {
    // The system may still be sending from the buffer of a write that was interrupted.
    if (lent !== undefined && isSent) pool.giveBack(lent);
    else if (lent !== undefined) pool.forget();
    payload.end(isSent);
  }
}

/** Reads until `into` is full or there are no more bytes; returns how many. */
async function fill(payload: ReplyPayload, into: Uint8Array): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await payload.read(filled === 0 ? into : into.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return filled;
}

function cutShort(): FxferError {
  return new FxferError("local_io", "Cannot send file: it has become shorter than it was");
}
