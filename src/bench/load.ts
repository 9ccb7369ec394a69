/** Runs a load plan: opens its connections, sends its requests and counts the replies. @module */
import { LoadClient, Refused } from "./load_client.ts";
import type { LoadPlan, LoadResult } from "./types.ts";

const DEFAULT_TIMEOUT_MS = 120_000;

/** Codes of requests that did what was asked. */
const SUCCESS: ReadonlySet<string> = new Set(["ok", "partial"]);

/**
 * Runs a load to its end. Refusals and lost connections are counted, not thrown.
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
  /** With `reconnect`: requests that a connection has been made for, or is being made. */
  #begun = 0;
  #timedOut = false;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#tally = new Tally(plan.requests * (plan.reconnect ? 1 : plan.connections));
  }

  async run(): Promise<LoadResult> {
    const { connections, reconnect, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#plan;
    const timer = setTimeout(() => {
      this.#timedOut = true;
      for (const client of this.#open) client.close();
    }, timeoutMs);
    const start = performance.now();
    const lane = reconnect
      ? () => this.#connectionPerRequest()
      : () => this.#connected((client) => this.#exchange(client));
    await Promise.all(Array.from({ length: connections }, lane));
    clearTimeout(timer);
    return this.#tally.result(this.#plan, (performance.now() - start) / 1000);
  }

  get #stopped(): boolean {
    return this.#timedOut || this.#plan.signal?.aborted === true;
  }

  /** A connection for each request; the lanes share the requests between them. */
  async #connectionPerRequest(): Promise<void> {
    while (this.#begun < this.#plan.requests && !this.#stopped) {
      this.#begun++;
      const start = performance.now();
      await this.#connected(async (client) => {
        await client.send();
        this.#tally.answered(await client.reply(), performance.now() - start);
      });
    }
  }

  /** Sends all requests of a lane and reads the replies, with at most a window of them unanswered. */
  async #exchange(client: LoadClient): Promise<void> {
    const { requests, window = 1 } = this.#plan;
    const sentAt = new Float64Array(window);
    let sent = 0;
    let answered = 0;
    while (answered < requests) {
      while (sent < requests && sent - answered < window && !this.#stopped) {
        sentAt[sent++ % window] = performance.now();
        await client.send();
      }
      if (answered === sent) return;
      let code: string | undefined = await client.reply();
      const now = performance.now();
      for (; code !== undefined; code = client.buffered()) {
        this.#tally.answered(code, now - sentAt[answered++ % window]!);
      }
    }
  }

  /** Opens a connection and its session, does the work, ends both, and counts what ended them early. */
  async #connected(work: (client: LoadClient) => Promise<void>): Promise<void> {
    let client: LoadClient | undefined;
    try {
      client = await LoadClient.open(this.#plan);
      this.#open.add(client);
      await client.greet(this.#plan);
      await work(client);
      await client.leave();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#tally.failed(this.#timedOut ? "timeout" : error.code);
    } finally {
      if (client !== undefined) {
        client.close();
        this.#open.delete(client);
        this.#tally.transferred(client.sentBytes, client.receivedBytes);
      }
    }
  }
}

/** The counts of one load. */
class Tally {
  readonly #latencies: Float64Array;
  readonly #errors: Record<string, number> = {};
  #done = 0;
  #sent = 0;
  #received = 0;

  /** @param requests How many requests may succeed: a latency is kept for each. */
  constructor(requests: number) {
    this.#latencies = new Float64Array(requests);
  }

  /** Counts a reply that came `ms` milliseconds after its request began. */
  answered(code: string, ms: number): void {
    if (!SUCCESS.has(code)) return this.failed(code);
    this.#latencies[this.#done++] = ms;
  }

  /** Counts a refused request or a connection that ended early, under its code. */
  failed(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  /** Adds the bytes of a connection that is closed. */
  transferred(sentBytes: number, receivedBytes: number): void {
    this.#sent += sentBytes;
    this.#received += receivedBytes;
  }

  /** The sum of all that was counted. */
  result(plan: LoadPlan, seconds: number): LoadResult {
    const sorted = this.#latencies.subarray(0, this.#done).sort();
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
    return {
      done: this.#done,
      errors: this.#errors,
      seconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      payloadBytes: this.#done * plan.size,
      sentBytes: this.#sent,
      receivedBytes: this.#received,
    };
  }
}
