/** Follows the list of stored files and tells each new one. @module */
import { reasonOf } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import type { Catalogue, ListedFile } from "../storage/mod.ts";
import { post, type Receiver } from "./post.ts";
import { type HookState, type Letter, newState, readState, writeState } from "./state.ts";

/** What {@linkcode Hooks} works with. */
export interface HooksOptions extends Receiver {
  readonly catalogue: Catalogue;
  /** The state file. */
  readonly path: string;
  /** How long a letter is tried, in milliseconds. */
  readonly giveUpAfterMs: number;
  readonly events: Events;
  readonly log: Logger;
  /** The first pause before a letter is tried again, in milliseconds. @default {1000} */
  readonly retryMs?: number;
}

/** How many letters wait, what became of others, and which were given up. */
export interface HookStats {
  readonly waiting: number;
  readonly delivered: number;
  readonly dead: readonly Letter[];
}

/** So many letters are held at most; the files of later ones wait in the list of stored files. */
const MAX_LETTERS = 10_000;

/** So many dead letters are remembered. */
const MAX_DEAD = 1000;

/** So many receivers are waited for at once. */
const PARALLEL = 4;

/** How long a receiver may take, in milliseconds. */
const PATIENCE_MS = 10_000;

/** The longest pause between two tries. */
const MAX_PAUSE_MS = 300_000;

/** How often the list is looked at without being told that something was stored, in milliseconds. */
const LOOK_MS = 1000;

/** Files that several processes store may show in another order than that of their times, by so much. */
const MARGIN_MS = 10_000;

/** How many files one look asks for at once. */
const PAGE = 200;

/** Tells each stored file to a receiver (S-HOO-1); dispose of it to stop. */
export class Hooks implements AsyncDisposable {
  readonly #options: HooksOptions;
  #state: HookState;
  readonly #seen: Map<string, number>;
  readonly #letters: Map<string, Letter>;
  readonly #underWay = new Set<string>();
  readonly #stop = new AbortController();
  readonly #listening: Disposable;
  readonly #running: Promise<void>;
  #wake: () => void = () => {};
  #isDirty = false;
  #delivered = 0;

  private constructor(options: HooksOptions, state: HookState) {
    this.#options = options;
    this.#state = state;
    this.#seen = new Map(state.seen);
    this.#letters = new Map(state.letters.map((letter) => [letter.id, letter]));
    this.#listening = options.events.subscribe(
      () => this.#wake(),
      (type) => type === "transfer.stored",
    );
    this.#running = this.#run();
  }

  /** Begins, where the last process has stopped. @throws What keeps the state file from being read. */
  static async open(options: HooksOptions): Promise<Hooks> {
    const { path, giveUpAfterMs, log } = options;
    let state = await readState(path);
    if (state === undefined || "damaged" in state) {
      // What has not been told, and is not given up, was stored since then.
      const since = state === undefined ? 0 : giveUpAfterMs;
      if (state !== undefined) {
        log.warn("hook.state_set_aside", { to: `${path}.bad`, cause: state.damaged });
      }
      await writeState(path, state = newState(Date.now() - since));
    }
    return new Hooks(options, state);
  }

  get stats(): HookStats {
    return { waiting: this.#letters.size, delivered: this.#delivered, dead: this.#state.dead };
  }

  /** Stops; what is under way is told again by the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#look();
        // Before a receiver hears of a file, the state says that it is to be told.
        await this.#save();
      } catch (cause) {
        this.#options.log.warn("hook.not_looked", { cause });
      }
      this.#deliver();
      await this.#pause();
    }
    await Promise.allSettled(this.#work);
    await this.#save().catch((cause) => this.#options.log.warn("hook.not_saved", { cause }));
  }

  readonly #work = new Set<Promise<void>>();

  /** Waits until something was stored, a letter is due, or a second is over. */
  async #pause(): Promise<void> {
    const now = Date.now();
    let wait = LOOK_MS;
    for (const { id, nextAt } of this.#letters.values()) {
      if (!this.#underWay.has(id)) wait = Math.min(wait, nextAt - now);
    }
    if (this.#underWay.size >= PARALLEL) wait = LOOK_MS;
    if (this.#stop.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(10, wait));
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** Makes a letter of each file that the list has and that was not seen. */
  async #look(): Promise<void> {
    const room = MAX_LETTERS - this.#letters.size;
    if (room < MAX_LETTERS / 2) return;
    const { from, newest } = this.#state;
    const oldest = Math.max(from, newest - MARGIN_MS);
    const found: ListedFile[] = [];
    let after: string | null = null;
    let isOver = false;
    do {
      const page = await this.#options.catalogue.list({
        limit: PAGE,
        order: "newest",
        ...(after !== null && { after }),
      });
      for (const file of page.files) {
        if (file.storedAt < oldest) isOver = true;
        else if (!this.#seen.has(file.path)) found.push(file);
      }
      // Of too many, those that were stored first are told first.
      if (found.length > room) found.splice(0, found.length - room);
      after = page.next;
    } while (!isOver && after !== null);
    for (const file of found.reverse()) this.#take(file);
  }

  #take(file: ListedFile): void {
    const now = Date.now();
    const id = `msg_${crypto.randomUUID()}`;
    this.#letters.set(id, { id, file, since: now, tries: 0, nextAt: now });
    this.#seen.set(file.path, file.storedAt);
    const newest = Math.max(this.#state.newest, file.storedAt);
    this.#state = { ...this.#state, newest };
    for (const [path, storedAt] of this.#seen) {
      if (storedAt >= newest - MARGIN_MS) break;
      this.#seen.delete(path);
    }
    this.#isDirty = true;
  }

  async #save(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const state = { ...this.#state, seen: [...this.#seen], letters: [...this.#letters.values()] };
    this.#state = state;
    await writeState(this.#options.path, state);
  }

  /** Begins to tell the letters that are due, as many as may be under way. */
  #deliver(): void {
    const now = Date.now();
    for (const letter of this.#letters.values()) {
      if (this.#underWay.size >= PARALLEL) return;
      if (letter.nextAt > now || this.#underWay.has(letter.id)) continue;
      this.#underWay.add(letter.id);
      const work = this.#tell(letter).finally(() => {
        this.#underWay.delete(letter.id);
        this.#work.delete(work);
        this.#wake();
      });
      this.#work.add(work);
    }
  }

  async #tell(letter: Letter): Promise<void> {
    const { log, giveUpAfterMs, retryMs = 1000 } = this.#options;
    const error = await this.#post(letter);
    if (this.#stop.signal.aborted && error !== undefined) return; // the next process tries it
    this.#isDirty = true;
    const { id, file: { path }, since } = letter;
    if (error === undefined) {
      this.#letters.delete(id);
      this.#delivered++;
      return log.debug("hook.delivered", { id });
    }
    const tries = letter.tries + 1;
    const pause = Math.min(MAX_PAUSE_MS, retryMs * 2 ** letter.tries) * (0.5 + Math.random() / 2);
    const failed = { ...letter, tries, error, nextAt: Date.now() + pause };
    if (Date.now() - since < giveUpAfterMs) {
      this.#letters.set(id, failed);
      if (tries === 1) log.warn("hook.failed", { id, reason: error, again_ms: Math.round(pause) });
      return;
    }
    this.#letters.delete(id);
    this.#state = { ...this.#state, dead: [...this.#state.dead, failed].slice(-MAX_DEAD) };
    const file = path.slice(path.lastIndexOf("/") + 1);
    log.warn("hook.dead", { id, file, tries, reason: error });
  }

  /** Tells the receiver; returns why it failed. */
  async #post({ id, file }: Letter): Promise<string | undefined> {
    const data = {
      path: file.path,
      name: file.name ?? null,
      size: file.size,
      sha256: file.sha256,
      mime_type: file.mimeType,
      user: file.user ?? null,
      upload_id: file.uploadId ?? null,
    };
    const message = { type: "file.stored", timestamp: file.storedAt, data };
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      const status = await post(this.#options, id, message, signal);
      return status >= 200 && status < 300 ? undefined : `status ${status}`;
    } catch (error) {
      return reasonOf(error);
    }
  }
}
