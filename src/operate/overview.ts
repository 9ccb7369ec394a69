/** What a server is doing now, and what it did in the last hour. @module */
import { CODES, isCode } from "../errors.ts";
import type { Facts } from "./metrics.ts";
import type { Plant } from "./plant.ts";
import { countStates } from "./sessions.ts";
import type { Sample } from "./tally.ts";

/**
 * The states of sessions are counted anew after a second, or after so many times as long as counting took,
 * because that walks the store.
 */
const STATES_MS = 1000;
const STATES_SHARE = 20;

/** One point of the charts each 10 s, for an hour. */
const POINT_MS = 10_000;
const MAX_POINTS = 360;

/** The lines of the charts. */
export const LINES = [
  "requests",
  "errors",
  "bytes",
  "files",
  "sessions",
  "connections",
  "used",
] as const;

/** Values at one time: rates a second since the point before, and what there is. */
export type Point = Readonly<Record<typeof LINES[number], number>> & { readonly at: number };

/** What a server has done and has, over all its workers. */
export interface Totals {
  readonly requests: number;
  /** Requests whose code says that the server or the request failed. */
  readonly errors: number;
  /** Bytes read from clients. */
  readonly bytes: number;
  readonly files: number;
  readonly connections: number;
}

/** Adds up what the workers have counted. */
export function totalsOf(samples: readonly Sample[]): Totals {
  let [requests, errors, bytes, files, connections] = [0, 0, 0, 0, 0];
  for (const { outcomes, counters, gauges } of samples) {
    for (const [kind, count] of Object.entries(outcomes)) {
      const code = kind.slice(kind.lastIndexOf(" ") + 1);
      requests += count;
      if (!isCode(code) || CODES[code].class !== "success") errors += count;
    }
    bytes += counters.received;
    files += counters.files;
    connections += gauges.connections;
  }
  return { requests, errors, bytes, files, connections };
}

/** Looks at a server every 10 s; dispose of it to end that. */
export class Overview implements Disposable {
  readonly #plant: Plant;
  readonly #startedAt = Date.now();
  readonly #points: Point[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #before: { readonly at: number; readonly totals: Totals } | undefined;
  #states: { until: number; readonly counts: Promise<Record<string, number>> } | undefined;

  constructor(plant: Plant) {
    this.#plant = plant;
    const look = () => void this.#look().catch(() => {});
    look();
    this.#timer = setInterval(look, POINT_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** The time by the clock that the sessions' times are of. */
  async now(): Promise<number> {
    return await this.#plant.store?.now?.() ?? Date.now();
  }

  /** Live sessions by state; none where the store does not answer. */
  states(): Promise<Record<string, number>> {
    const now = performance.now();
    if (this.#states === undefined || now > this.#states.until) {
      const counts = this.#count();
      this.#states = { until: now + STATES_MS, counts };
      void counts.then(() => {
        const took = performance.now() - now;
        if (this.#states?.counts === counts) this.#states.until += took * STATES_SHARE;
      });
    }
    return this.#states.counts;
  }

  async #count(): Promise<Record<string, number>> {
    try {
      return await countStates(this.#plant.store, await this.now());
    } catch {
      return {}; // the store does not answer, and readiness says so
    }
  }

  /** What is known of the process as a whole. */
  async facts(): Promise<Facts> {
    const { version, readiness, workers, settings, used, free, certificateUntil } = this.#plant;
    const { server, stateful, storage } = settings.current;
    return {
      version,
      workers,
      ready: (await readiness.check()).ready,
      maxConnections: server.max_connections,
      maxSessions: stateful.max_sessions,
      sessions: await this.states(),
      used: storage.budget > 0 ? used?.() : undefined,
      free: free?.(),
      budget: storage.budget,
      hooks: this.#plant.hooks?.stats,
      certificateUntil: certificateUntil === undefined ? undefined : certificateUntil() / 1000,
      rss: Deno.memoryUsage().rss,
      startedAt: this.#startedAt / 1000,
    };
  }

  async #look(): Promise<void> {
    const at = Date.now();
    const totals = totalsOf(await this.#plant.samples());
    const { used, sessions } = await this.facts();
    const before = this.#before;
    this.#before = { at, totals };
    if (before === undefined) return;
    const rate = (name: "requests" | "errors" | "bytes" | "files") =>
      Math.max(0, (totals[name] - before.totals[name]) / Math.max(0.001, (at - before.at) / 1000));
    this.#points.push({
      at,
      requests: rate("requests"),
      errors: rate("errors"),
      bytes: rate("bytes"),
      files: rate("files"),
      sessions: Object.values(sessions).reduce((sum, count) => sum + count, 0),
      connections: totals.connections,
      used: used ?? 0,
    });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }

  /** All of it, for people and programs. */
  async read(): Promise<Record<string, unknown>> {
    const samples = await this.#plant.samples();
    const facts = await this.facts();
    const state = await this.#plant.readiness.check();
    const { server, stateful } = this.#plant.settings.current;
    const delay = Math.max(0, ...samples.map(({ gauges }) => gauges.loopDelay));
    return {
      version: facts.version,
      started_at: new Date(this.#startedAt).toISOString(),
      ready: state.ready,
      reason: state.ready ? null : state.reason,
      mode: server.mode,
      persistence: server.mode === "stateless" && this.#plant.store === undefined
        ? null
        : stateful.persistence,
      workers: facts.workers,
      totals: totalsOf(samples),
      sessions: facts.sessions,
      max_sessions: facts.maxSessions,
      max_connections: facts.maxConnections,
      used_bytes: facts.used ?? null,
      free_bytes: facts.free ?? null,
      budget_bytes: facts.budget,
      memory_bytes: facts.rss,
      event_loop_delay_ms: Math.round(delay * 1e4) / 10,
      history: Object.fromEntries(
        (["at", ...LINES] as const).map((line) => [line, this.#points.map((point) => point[line])]),
      ),
    };
  }
}
