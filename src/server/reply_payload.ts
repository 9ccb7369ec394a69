/** Sends the bytes that follow a reply (S-GET-1). @module */
import { FxferError } from "../errors.ts";
import type { ReplyPayload } from "../handler/mod.ts";
import type { BufferPools } from "./buffers.ts";
import type { Output } from "./output.ts";
import type { Turns } from "./turns.ts";

/** A payload up to this size, in bytes, is read at once and leaves with the replies before and after it. */
const SMALL_BYTES = 16 * 1024;

/**
 * Sends a payload, after the reply that waits, piece by piece. The next piece is read while one is sent, and
 * no further: so TCP slows the server down to what its client reads, and others are served between two
 * pieces (S-GET-3).
 *
 * @param interruption What the connection was told to end with.
 * @throws When the bytes cannot be read to their end (S-GET-2), the peer is gone, or the connection is
 * interrupted: then the output has ended inside the frame.
 */
export function sendPayload(
  output: Output,
  payload: ReplyPayload,
  shared: { readonly pools: BufferPools; readonly turns: Turns },
  interruption: () => unknown,
): Promise<void> | undefined {
  const { readNow } = payload;
  if (readNow === undefined || payload.size > SMALL_BYTES) {
    return sendWaiting(output, payload, shared, interruption);
  }
  try {
    output.addRead(payload.size, (into) => fillNow(readNow, into));
  } catch (error) {
    payload.end(false);
    return breakOff(output, error);
  }
  payload.end(true);
}

async function sendWaiting(
  output: Output,
  payload: ReplyPayload,
  shared: { readonly pools: BufferPools; readonly turns: Turns },
  interruption: () => unknown,
): Promise<void> {
  let isSent = false;
  try {
    if (payload.size <= SMALL_BYTES) await addSmall(output, payload);
    else await sendPieces(output, payload, shared, interruption);
    isSent = true;
  } catch (error) {
    await breakOff(output, error);
  } finally {
    payload.end(isSent);
  }
}

/** Ends the output inside a frame. Rejects with what was the reason. */
async function breakOff(output: Output, error: unknown): Promise<never> {
  // Small replies that wait may leave before the cut; a write that was interrupted has made it already.
  await output.flush()?.catch(() => {});
  output.breakOff(error);
  throw error;
}

async function addSmall(output: Output, payload: ReplyPayload): Promise<void> {
  const bytes = new Uint8Array(payload.size);
  const count = await fill(payload, bytes);
  output.add(bytes.subarray(0, count));
  if (count < bytes.length) throw cutShort();
}

async function sendPieces(
  output: Output,
  payload: ReplyPayload,
  { pools, turns }: { readonly pools: BufferPools; readonly turns: Turns },
  interruption: () => unknown,
): Promise<void> {
  const pool = pools.stream.scarce ? pools.gather : pools.stream;
  const buffers = [pool.lend(), pool.lend()];
  let left = payload.size;
  const read = () => {
    const buffer = buffers.reverse()[0]!;
    const piece = buffer.length > left ? buffer.subarray(0, left) : buffer;
    left -= piece.length;
    const reading = fill(payload, piece).then((count) => ({ piece, count }));
    reading.catch(() => {}); // it is awaited after the piece before is sent
    return reading;
  };
  let reading = read();
  let isSent = false;
  try {
    for (let more = true; more;) {
      const { piece, count } = await reading;
      if (interruption() !== undefined) throw interruption();
      more = count === piece.length && left > 0;
      if (more) reading = read();
      await output.send(piece.subarray(0, count));
      if (count < piece.length) throw cutShort();
      await turns.next(); // with a file that is in memory and a fast peer, nobody else would be seen
    }
    isSent = true;
  } finally {
    await reading.catch(() => {}); // until then it may write into its buffer
    // The system may still be sending from the buffer of a write that was interrupted.
    for (const buffer of buffers) isSent ? pool.giveBack(buffer) : pool.forget();
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

/** Fills all of `into`. @throws {FxferError} If there are not so many bytes. */
function fillNow(readNow: (into: Uint8Array) => number | null, into: Uint8Array): void {
  for (let filled = 0; filled < into.length;) {
    const count = readNow(filled === 0 ? into : into.subarray(filled));
    if (count === null) throw cutShort();
    filled += count;
  }
}

function cutShort(): FxferError {
  return new FxferError("local_io", "Cannot send file: it has become shorter than it was");
}
