/** The bandwidth of one user, shared by all the user's connections to this process. @module */
import type { Payload, ReplyPayload, Request } from "../handler/mod.ts";
import { pause } from "../within.ts";
import { PayloadAround } from "./payload_around.ts";

/** So much may go at once before the rate is kept, in milliseconds of the rate. */
const BURST_MS = 250;

/** A token bucket: `perSecond` bytes a second, and a quarter of that at once. */
export class Bandwidth {
  readonly #perMs: number;
  readonly #now: () => number;
  /** When everything taken so far will have been paid for. */
  #paidAt: number;

  /** Starts with a full bucket. @param now Milliseconds of a monotonic clock. */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#now = now;
    this.#paidAt = now() - BURST_MS;
  }

  /** Takes bytes; returns for how many milliseconds to wait before more, 0 for not at all. */
  take(bytes: number): number {
    const now = this.#now();
    this.#paidAt = Math.max(this.#paidAt, now - BURST_MS) + bytes / this.#perMs;
    return Math.max(0, this.#paidAt - now);
  }
}

/** The request with a payload that arrives no faster than this. @param signal Ends a wait. */
export function pacedRequest(
  request: Request,
  bandwidth: Bandwidth,
  signal: AbortSignal,
): Request {
  const payload = new PacedPayload(request.payload, bandwidth, signal);
  return { ...request, payload } as Request;
}

/** The payload of a reply, read no faster than this. @param signal Ends a wait. */
export function pacedReply(
  payload: ReplyPayload,
  bandwidth: Bandwidth,
  signal: AbortSignal,
): ReplyPayload {
  return {
    mimeType: payload.mimeType,
    size: payload.size,
    read: async (into) => {
      const count = await payload.read(into);
      const ms = count === null ? 0 : bandwidth.take(count);
      if (ms >= 1) await pause(ms, signal);
      return count;
    },
    end: (isSent) => payload.end(isSent),
  };
}

/** Hands out bytes and then makes their reader wait: TCP slows the sender down. */
class PacedPayload extends PayloadAround {
  readonly #bandwidth: Bandwidth;
  readonly #signal: AbortSignal;

  constructor(inner: Payload, bandwidth: Bandwidth, signal: AbortSignal) {
    super(inner);
    this.#signal = signal;
    this.#bandwidth = bandwidth;
  }

  get digest(): Payload["digest"] {
    return this.inner.digest;
  }

  override async whole(): Promise<Uint8Array | undefined> {
    return await this.#paid(await this.inner.whole());
  }

  override async next(): Promise<Uint8Array | undefined> {
    return await this.#paid(await this.inner.next());
  }

  async #paid(bytes: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    const ms = bytes === undefined ? 0 : this.#bandwidth.take(bytes.length);
    if (ms >= 1) await pause(ms, this.#signal);
    return bytes;
  }
}
