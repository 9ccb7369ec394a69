/** Rate limits for each address: connections a second, session creations a minute. @module */
import { addressNetwork } from "../address.ts";
import { FxferError } from "../errors.ts";

/** At most so many addresses are remembered; the address that was not seen for longest is forgotten first. */
const MAX_ADDRESSES = 10_000;

/** One token bucket for each key: `burst` at once, refilled with `perSecond`. */
export class TokenBuckets {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
  }

  /** Takes a token at `now`, in milliseconds; returns 0, or how long to wait until there is a token. */
  take(key: string, now: number): number {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.at) * this.#perMs);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_ADDRESSES) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.#perMs);
    bucket.tokens--;
    return 0;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size;
  }
}

/** How often one address, in IPv6 one /64, may do what costs the server something.
 * @category Server */
export interface RateLimits {
  /** Connections a second; as many at once. Default 200. */
  readonly connectionsPerSecond: number;
  /** Session creations a minute; as many at once. Default 600. */
  readonly sessionsPerMinute: number;
}

/** The rate limits of one server.
 * @category Server */
export class RateLimiter {
  readonly #connections: TokenBuckets;
  readonly #sessions: TokenBuckets;
  readonly #now: () => number;

  /** Starts with full buckets. @param now Milliseconds of a monotonic clock. */
  constructor(limits: RateLimits, now: () => number = () => performance.now()) {
    this.#connections = new TokenBuckets(limits.connectionsPerSecond, limits.connectionsPerSecond);
    this.#sessions = new TokenBuckets(limits.sessionsPerMinute / 60, limits.sessionsPerMinute);
    this.#now = now;
  }

  /** Admits a connection or throws `rate_limited` with `retry_after_ms`. */
  admitConnection(address: string): void {
    this.#admit(this.#connections, address, "Cannot accept connection", "connections_per_second");
  }

  /** Admits a session creation or throws `rate_limited` with `retry_after_ms`. */
  admitSession(address: string): void {
    this.#admit(this.#sessions, address, "Cannot create session", "sessions_per_minute");
  }

  #admit(buckets: TokenBuckets, address: string, what: string, limit: string): void {
    const retryAfterMs = buckets.take(addressNetwork(address), this.#now());
    if (retryAfterMs === 0) return;
    throw new FxferError("rate_limited", `${what}: too many from this address`, {
      fields: { retry_after_ms: retryAfterMs },
      limit,
    });
  }
}
