/** Runs a load: so many lanes, each a connection or one connection after another. @module */
import { LoadClient, Refused } from "./load_client.ts";
import { Tally } from "./tally.ts";
import type { LoadPlan, LoadResult } from "./types.ts";

const DEFAULT_TIMEOUT_MS = 120_000;

/**
 * Runs a load to its end. What the server refuses and what breaks is counted, not thrown.
 *
 * @throws {RangeError} If a number of the plan is out of range.
 */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  for (const value of [plan.connections, plan.requests, plan.window ?? 1]) {
    if (!(value >= 1)) throw new RangeError("Cannot run load: its counts must be 1 or more");
  }
  return await new Load(plan).run();
}

class Load {
  readonly #plan: LoadPlan;
  readonly #tally: Tally;
  readonly #open = new Set<LoadClient>();
  #taken = 0;
  #late = false;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#tally = new Tally(plan.requests * (plan.reconnect ? 1 : plan.connections));
  }

  async run(): Promise<LoadResult> {
    const { connections, reconnect, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#plan;
    const timer = setTimeout(() => this.#cut(), timeoutMs);
    const start = performance.now();
    const lane = reconnect ? () => this.#shortLived() : () => this.#longLived();
    await Promise.all(Array.from({ length: connections }, lane));
    clearTimeout(timer);
    return this.#tally.result(this.#plan, (performance.now() - start) / 1000);
  }

  get #stopped(): boolean {
    return this.#late || this.#plan.signal?.aborted === true;
  }

  #cut(): void {
    this.#late = true;
    for (const peer of this.#open) peer.close();
  }

  /** One connection, request after request. */
  async #longLived(): Promise<void> {
    await this.#connected(async (peer) => {
      await peer.greet(this.#plan);
      await this.#exchange(peer);
      await peer.leave();
    });
  }

  /** A connection for each request. */
  async #shortLived(): Promise<void> {
    while (this.#taken < this.#plan.requests && !this.#stopped) {
      this.#taken++;
      const start = performance.now();
      await this.#connected(async (peer) => {
        await peer.greet(this.#plan);
        await peer.send();
        this.#tally.answered(await peer.reply(), performance.now() - start);
        await peer.leave();
      });
    }
  }

  async #exchange(peer: LoadClient): Promise<void> {
    const { requests, window = 1 } = this.#plan;
    const sentAt = new Float64Array(window);
    let sent = 0;
    let answered = 0;
    while (answered < requests) {
      while (sent < requests && sent - answered < window && !this.#stopped) {
        sentAt[sent++ % window] = performance.now();
        await peer.send();
      }
      if (answered === sent) return;
      let code: string | undefined = await peer.reply();
      const now = performance.now();
      for (; code !== undefined; code = peer.buffered()) {
        this.#tally.answered(code, now - sentAt[answered++ % window]!);
      }
    }
  }

  async #connected(work: (peer: LoadClient) => Promise<void>): Promise<void> {
    let peer: LoadClient | undefined;
    try {
      peer = await LoadClient.open(this.#plan);
      this.#open.add(peer);
      await work(peer);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#tally.failed(this.#late ? "timeout" : error.code);
    } finally {
      if (peer !== undefined) {
        peer.close();
        this.#open.delete(peer);
        this.#tally.left(peer);
      }
    }
  }
}
