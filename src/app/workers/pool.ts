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
import type { Sample } from "../../operate/mod.ts";
import { LATE, within } from "../../within.ts";
import type { LedgerAnswer, LedgerAsk } from "./ledger.ts";
import type { FromWorker, Listening, ToWorker } from "./worker.ts";

/** A worker as the pool sees it; after `terminate` the worker sends the pool nothing more. */
export interface WorkerHandle {
  post(message: ToWorker): void;
  terminate(): void;
}

/** What happens to a worker. */
export interface WorkerEvents {
  message(message: FromWorker): void;
  /** The worker has ended although nobody told it to stop. */
  died(reason: string): void;
}

/** What a pool works with. */
export interface PoolOptions {
  readonly workers: number;
  /** Makes a worker and tells it to start. @param worker Counted from 1. */
  readonly spawn: (worker: number, events: WorkerEvents) => WorkerHandle;
  /** Called when a worker has died: gives back the connections and the room that the worker held. */
  readonly reclaim: (worker: number) => void;
  /** Takes the lines of the workers' logs that no event has caused. */
  readonly sink: (event: LogEvent) => void;
  /** Where the pool tells what happens to the workers, and what they tell. */
  readonly events: Events;
  /** Answers the workers' calls of the ledger, where the main thread has it. */
  readonly answer?: (ask: LedgerAsk) => Promise<LedgerAnswer>;
  /** How long a stop may take before the workers are ended, in milliseconds. */
  readonly stopMs: number;
  /** The first pause before a worker is started again; it doubles. @default {100} */
  readonly pauseMs?: number;
}

/** A worker that dies more often than this within the window stays away. */
const MAX_DEATHS = 5;
const DEATHS_WINDOW_MS = 60_000;

/** A worker that takes longer to answer counts as hanging. */
const CHECK_MS = 2000;

/** The place of one worker, and of the workers that are started for it when it dies. */
class Slot {
  readonly worker: number;
  state: "starting" | "serving" | "dead" | "stopped" = "starting";
  handle: WorkerHandle | undefined;
  /** When workers of this slot died, within the window. */
  deaths: number[] = [];
  /** Runs until the next worker is started; undefined while none is to be started. */
  restartTimer: ReturnType<typeof setTimeout> | undefined;
  /** The readiness checks that wait for an answer. */
  readonly checks = new Map<number, (state: ReadyState) => void>();
  /** The questions for counts that wait for an answer. */
  readonly samples = new Map<number, (sample: Sample | undefined) => void>();

  constructor(worker: number) {
    this.worker = worker;
  }
}

const HANGING: ReadyState = { ready: false, reason: "workers" };

/** The workers of one server; the module's text says how they live. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #slots: Slot[] = [];
  readonly #listen = Promise.withResolvers<Listening>();
  readonly #finish = Promise.withResolvers<void>();
  /** Resolves when all workers listen for the first time; rejects when one cannot; pending after a stop. */
  readonly listening: Promise<Listening> = this.#listen.promise;
  /** Resolves when all workers have stopped; rejects with `internal_error` when none is left. */
  readonly finished: Promise<void> = this.#finish.promise;
  #begun = false;
  #stopping = false;
  #stopTimer: ReturnType<typeof setTimeout> | undefined;
  #checks = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    // A rejection must not end the process when no caller waits for these promises.
    this.listening.catch(() => {});
    this.finished.catch(() => {});
    for (let worker = 1; worker <= options.workers; worker++) {
      const slot = new Slot(worker);
      this.#slots.push(slot);
      this.#start(slot);
    }
  }

  /** Ready when every worker is, because the system goes on giving connections to a worker that hangs. */
  async check(): Promise<ReadyState> {
    if (this.#stopping) return { ready: false, reason: "stopping" };
    // A worker that has died is not asked: it gets no connections, and the others do its work meanwhile.
    const asked = this.#slots.filter(({ state }) => state === "serving");
    const states = await Promise.all(asked.map((slot) => this.#ask(slot)));
    return states.find(({ ready }) => !ready) ?? states[0] ?? HANGING;
  }

  /** What the workers have counted; one that does not answer in time is left out. */
  async samples(): Promise<Sample[]> {
    const asked = this.#slots.filter(({ state }) => state === "serving");
    const samples = await Promise.all(asked.map(async (slot) => {
      const check = ++this.#checks;
      const { promise, resolve } = Promise.withResolvers<Sample | undefined>();
      slot.samples.set(check, resolve);
      slot.handle?.post({ type: "sample", check });
      const sample = await within(CHECK_MS, promise);
      slot.samples.delete(check);
      return sample === LATE ? undefined : sample;
    }));
    return samples.filter((sample) => sample !== undefined);
  }

  /** Sends a message to every worker that runs. One that is started later starts with what it says. */
  tell(message: ToWorker): void {
    for (const { handle } of this.#slots) handle?.post(message);
  }

  /** Stops all workers gracefully (S-DRN-1); a second call changes nothing. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#stopTimer = setTimeout(() => this.#endHanging(), this.#options.stopMs);
    for (const slot of this.#slots) {
      clearTimeout(slot.restartTimer);
      if (slot.handle === undefined) slot.state = "stopped";
      slot.handle?.post({ type: "stop" });
    }
    this.#settleFinished();
  }

  #start(slot: Slot): void {
    slot.state = "starting";
    const { spawn } = this.#options;
    let over = false;
    const handle = spawn(slot.worker, {
      message: (message) => over || this.#handleMessage(slot, message),
      died: (reason) => {
        if (over) return;
        over = true;
        this.#died(slot, reason);
      },
    });
    if (!over) slot.handle = handle;
  }

  #handleMessage(slot: Slot, message: FromWorker): void {
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
        if (this.#begun) return this.#died(slot, message.message);
        return this.#listen.reject(new FxferError(message.code, message.message));
      case "checked":
        slot.checks.get(message.check)?.(message.state);
        return;
      case "sampled":
        slot.samples.get(message.check)?.(message.sample);
        return;
      case "taken":
        for (const { handle } of this.#slots) if (handle !== slot.handle) handle?.post(message);
        return;
      case "ledger": {
        const { handle } = slot;
        const { call, ask } = message;
        const answering = this.#options.answer?.(ask);
        return void answering?.then((answer) => handle?.post({ type: "ledger", call, answer }));
      }
      case "stopped":
        this.#end(slot, "stopped");
        return this.#settleFinished();
    }
  }

  /** A worker has died: the pool goes on without it until another one is started in its slot. */
  #died(slot: Slot, reason: string): void {
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
    slot.restartTimer = again ? setTimeout(() => this.#start(slot), pause) : undefined;
    this.#settleFinished();
  }

  #end(slot: Slot, state: "dead" | "stopped"): void {
    slot.state = state;
    slot.handle?.terminate();
    slot.handle = undefined;
    for (const answer of slot.checks.values()) answer(HANGING);
    for (const answer of slot.samples.values()) answer(undefined);
  }

  /** The stop takes too long: ends the workers that have not stopped. */
  #endHanging(): void {
    for (const slot of this.#slots) {
      if (slot.state === "stopped") continue;
      this.#options.events.emit({ type: "worker.hangs", worker: slot.worker });
      this.#end(slot, "stopped");
    }
    this.#settleFinished();
  }

  /** Settles `finished` if all workers have stopped, or if all are dead for good. */
  #settleFinished(): void {
    const gone = ({ state, restartTimer }: Slot) => state === "dead" && restartTimer === undefined;
    if (this.#stopping) {
      if (this.#slots.some(({ state }) => state !== "stopped")) return;
      clearTimeout(this.#stopTimer);
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
