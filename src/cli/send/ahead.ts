/**
 * What the walk through the folders has found and the command has not taken yet. The walk goes on while files
 * are on their way, a bounded number of files ahead: so the memory of a command does not grow with its folders.
 *
 * @module
 */
import type { FileToSend, LeftOut } from "./file_to_send.ts";

/** So many files are found ahead at most: enough for a disk that is slow now and then. */
export const MOST_AHEAD = 256;

/** The walk goes on when there is room for so many: it works in pieces of a few milliseconds. */
const ROOM = MOST_AHEAD / 4;

/** How much was found so far. */
export interface Found {
  readonly files: number;
  /** Bytes of all files that can be sent; undefined once there is one of unknown size. */
  readonly bytes: number | undefined;
  /** Whether that is all. */
  readonly isAll: boolean;
}

/** A queue between the walk and the command. */
export class Ahead implements Found {
  files = 0;
  bytes: number | undefined = 0;
  /** Called with what is left out, in the order of the walk. */
  onLeftOut: ((what: LeftOut) => void) | undefined;
  #items: (FileToSend | LeftOut)[] = [];
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  readonly #signal: AbortSignal;
  readonly #abort = () => this.fail(this.#signal.reason);
  #wakeWalk: (() => void) | undefined;
  #wakeTaker: (() => void) | undefined;

  /** @param signal Ends the walk, and then rejects {@linkcode take}, even if a disk does not answer. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#abort);
  }

  get isAll(): boolean {
    return this.#ended && this.#failure === undefined;
  }

  /** The files that were found and not taken. */
  get waiting(): readonly FileToSend[] {
    return this.#items.filter(isFile);
  }

  /** The walk has found something. */
  put(item: FileToSend | LeftOut): void {
    if (this.#ended) return;
    this.#items.push(item);
    if (isFile(item)) {
      this.files++;
      const { size, error } = item;
      if (error === undefined) {
        this.bytes = size === undefined || this.bytes === undefined ? undefined : this.bytes + size;
      }
    }
    this.#wakeTaker?.();
  }

  /** Whether the walk has to wait for {@linkcode room}. */
  get isFull(): boolean {
    return this.#items.length >= MOST_AHEAD;
  }

  /** Waits until the walk may go on. */
  async room(): Promise<void> {
    while (!this.#ended && this.#items.length > MOST_AHEAD - ROOM) {
      await new Promise<void>((resolve) => this.#wakeWalk = resolve);
    }
  }

  /** The walk has found everything. */
  end(): void {
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#abort);
    this.#wakeTaker?.();
    this.#wakeWalk?.();
  }

  /** The walk cannot go on. What it has found may still be taken. */
  fail(reason: unknown): void {
    if (!this.#ended) this.#failure = { reason };
    this.end();
  }

  /** Waits until all is found that fits in. @throws The reason of a walk that has failed by then. */
  async filled(): Promise<void> {
    while (!this.#ended && !this.isFull) await this.#change();
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /**
   * The files that come next.
   *
   * @param most So many at most.
   * @returns None when there is no more.
   * @throws The reason of a walk that has failed, behind the last file that it has found.
   */
  async take(most: number): Promise<readonly FileToSend[]> {
    for (;;) {
      while (this.#items.length === 0) {
        if (this.#failure !== undefined) throw this.#failure.reason;
        if (this.#ended) return [];
        await this.#change();
      }
      const files: FileToSend[] = [];
      for (const item of this.#items.splice(0, most)) {
        if (isFile(item)) files.push(item);
        else this.onLeftOut?.(item);
      }
      this.#wakeWalk?.();
      if (files.length > 0) return files;
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wakeTaker = resolve);
  }
}

const isFile = (item: FileToSend | LeftOut): item is FileToSend => !("reason" in item);
