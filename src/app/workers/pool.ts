/**
 * The workers of one server: started together, started again when one dies, stopped together.
 *
 * A worker is told to start and answers `listening` or `refused`. A worker that dies is started again
 * after a pause. If it dies too often, the others go on without it; when none is left, the server has
 * failed.
 *
 * @module
 */
import type { ReadyState } from "../../admin/mod.ts";
import { FxferError } from "../../errors.ts";
import type { Events } from "../../events.ts";
import type { LogEvent } from "../../log.ts";
import { LATE, within } from "../../within.ts";
import type { FromWorker, Listening, ToWorker } from "./worker.ts";

/** A worker as the pool sees it; after `terminate` the pool hears nothing more of it. */
export interface WorkerHandle {
  post(message: ToWorker): void;
  terminate(): void;
}

/** What happens to a worker. */
export interface WorkerEvents {
  message(message: FromWorker): void;
  /** It is gone, and was not told to go. */
  died(reason: string): void;
}

/** How a pool works. */
export interface PoolOptions {
  readonly workers: number;
  /** Makes a worker and tells it to start. @param worker Counted from 1. */
  readonly spawn: (worker: number, events: WorkerEvents) => WorkerHandle;
  /** A worker has died: what it held can be given back. */
  readonly reclaim: (worker: number) => void;
  /** Where the lines of the workers' logs go that no event stands behind. */
  readonly sink: (event: LogEvent) => void;
  /** Where the pool tells what happens to the workers, and what they tell. */
  readonly events: Events;
  /** How long a stop may take before the workers are ended, in milliseconds. */
  readonly stopMs: number;
  /** The first pause before a worker is started again; it doubles. @default {100} */
  readonly pauseMs?: number;
}

/** A worker that dies more often than this within the window stays away. */
const MAX_DEATHS = 5;
const DEATHS_WINDOW_MS = 60_000;

/** A worker that takes longer to answer hangs. */
const CHECK_MS = 2000;

/** The place of one worker, and of the workers that are started for it when it dies. */
class Slot {
  readonly worker: number;
  state: "starting" | "serving" | "dead" | "stopped" = "starting";
  handle: WorkerHandle | undefined;
  /** When its workers died, within the window. */
  deaths: number[] = [];
  /** The pause before the next start. */
  again: ReturnType<typeof setTimeout> | undefined;
  /** The questions that wait for an answer. */
  readonly checks = new Map<number, (state: ReadyState) => void>();

  constructor(worker: number) {
    this.worker = worker;
  }
}

const HANGING: ReadyState = { ready: false, reason: "workers" };

/** See the module's text. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #slots: Slot[] = [];
  readonly #listen = Promise.withResolvers<Listening>();
  readonly #finish = Promise.withResolvers<void>();
  /** Settles when all listen for the first time, rejects when a worker cannot; pending after a stop. */
  readonly listening: Promise<Listening> = this.#listen.promise;
  /** Settles when all have stopped; rejects with `internal_error` when none is left. */
  readonly finished: Promise<void> = this.#finish.promise;
  #begun = false;
  #stopping = false;
  #late: ReturnType<typeof setTimeout> | undefined;
  #checks = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    // A rejection is for those who wait; without any it must not end the process.
    this.listening.catch(() => {});
    this.finished.catch(() => {});
    for (let worker = 1; worker <= options.workers; worker++) {
      const slot = new Slot(worker);
      this.#slots.push(slot);
      this.#start(slot);
    }
  }

  /** Ready when every worker is: the system goes on giving connections to a worker that hangs. */
  async check(): Promise<ReadyState> {
    if (this.#stopping) return { ready: false, reason: "stopping" };
    // A worker that is away gets no connections: the others do its work meanwhile.
    const asked = this.#slots.filter(({ state }) => state === "serving");
    const states = await Promise.all(asked.map((slot) => this.#ask(slot)));
    return states.find(({ ready }) => !ready) ?? states[0] ?? HANGING;
  }

  /** Stops all gracefully (S-DRN-1); calling it again changes nothing. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#late = setTimeout(() => this.#cut(), this.#options.stopMs);
    for (const slot of this.#slots) {
      clearTimeout(slot.again);
      if (slot.handle === undefined) slot.state = "stopped";
      slot.handle?.post({ type: "stop" });
    }
    this.#settle();
  }

  #start(slot: Slot): void {
    slot.state = "starting";
    const { spawn } = this.#options;
    let over = false;
    const handle = spawn(slot.worker, {
      message: (message) => over || this.#hear(slot, message),
      died: (reason) => {
        if (over) return;
        over = true;
        this.#bury(slot, reason);
      },
    });
    if (!over) slot.handle = handle;
  }

  #hear(slot: Slot, message: FromWorker): void {
    const { worker } = slot;
    const { events, sink } = this.#options;
    switch (message.type) {
      case "event":
        return events.emit({ worker, ...message.event });
      case "log":
        return sink(message.event);
      case "listening":
        if (slot.state === "starting") slot.state = "serving";
        events.emit({ type: this.#begun ? "worker.back" : "worker.started", worker });
        if (!this.#begun && this.#slots.every(({ state }) => state === "serving")) {
          this.#begun = true;
          this.#listen.resolve(message);
        }
        return;
      case "refused":
        if (this.#begun) return this.#bury(slot, message.message);
        return this.#listen.reject(new FxferError(message.code, message.message));
      case "checked":
        slot.checks.get(message.check)?.(message.state);
        return;
      case "stopped":
        this.#end(slot, "stopped");
        return this.#settle();
    }
  }

  /** A worker is dead: the pool goes on without it until it is back. */
  #bury(slot: Slot, reason: string): void {
    this.#end(slot, this.#stopping ? "stopped" : "dead");
    this.#options.reclaim(slot.worker);
    const now = performance.now();
    slot.deaths = [...slot.deaths.filter((at) => now - at < DEATHS_WINDOW_MS), now];
    const often = slot.deaths.length;
    const again = this.#begun && !this.#stopping && often <= MAX_DEATHS;
    const pause = (this.#options.pauseMs ?? 100) * 2 ** (often - 1);
    const facts = { worker: slot.worker, reason, ...(again && { again_ms: pause }) };
    this.#options.events.emit({ type: "worker.died", ...facts });
    if (!this.#begun) {
      this.#listen.reject(new FxferError("internal_error", `Cannot start worker: ${reason}`));
    }
    slot.again = again ? setTimeout(() => this.#start(slot), pause) : undefined;
    this.#settle();
  }

  #end(slot: Slot, state: "dead" | "stopped"): void {
    slot.state = state;
    slot.handle?.terminate();
    slot.handle = undefined;
    for (const answer of slot.checks.values()) answer(HANGING);
  }

  #cut(): void {
    for (const slot of this.#slots) {
      if (slot.state === "stopped") continue;
      this.#options.events.emit({ type: "worker.hangs", worker: slot.worker });
      this.#end(slot, "stopped");
    }
    this.#settle();
  }

  /** Settles `finished` if this was the end. */
  #settle(): void {
    const gone = ({ state, again }: Slot) => state === "dead" && again === undefined;
    if (this.#stopping) {
      if (this.#slots.some(({ state }) => state !== "stopped")) return;
      clearTimeout(this.#late);
      this.#finish.resolve();
    } else if (this.#slots.every(gone)) {
      this.#finish.reject(new FxferError("internal_error", "Cannot go on: every worker has died"));
    }
  }

  async #ask(slot: Slot): Promise<ReadyState> {
    const check = ++this.#checks;
    const { promise, resolve } = Promise.withResolvers<ReadyState>();
    slot.checks.set(check, resolve);
    slot.handle?.post({ type: "check", check });
    const state = await within(CHECK_MS, promise);
    slot.checks.delete(check);
    return state === LATE ? HANGING : state;
  }
}
