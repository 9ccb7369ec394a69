/**
 * The sessions of one command. A session has no more files unanswered than the server's `max_inflight`, so
 * over a long road it may wait for answers most of the time. Where that is measured and many small files are
 * left, a command opens more sessions, each on a connection of its own, and shares the files between them.
 *
 * The first session is the one that is written down and resumed, and it takes all that is not small. The
 * others are a help that may fail: no try of theirs is repeated, and what goes wrong in one is not told. A file
 * whose answer one of them does not get goes to the first session, under the same upload id (S-TRF-9).
 *
 * @module
 */
import { type Client, connect, type ConnectOptions } from "../../client/mod.ts";
import { WORTH_RESUMING_BYTES } from "./journal.ts";
import type { FileToSend } from "./file_to_send.ts";

/** No command has more sessions: they take the places of others. */
const MAX_SESSIONS = 4;

/** How long closing a session may take; a session that is not closed expires by itself. */
const DISCONNECT_MS = 5000;

/** One session. */
export interface PooledSession {
  readonly client: Client;
  /** Files that it has been given and that have no result. */
  underWay: number;
}

/**
 * As many files as may be under way at a time, from the moment in which all of them are until as many have their
 * results. How long that took, beside the time of the way, tells what limits a command: where the server does,
 * more files under way would only wait there, and take memory at both ends.
 */
export class Lap {
  readonly #startedAt: number;
  #left: number;
  #first: number | undefined;

  constructor(files: number, now: number) {
    this.#left = files;
    this.#startedAt = now;
  }

  /**
   * A file has its result.
   *
   * @param roundTripMs How long the server took to answer a connect.
   * @returns When the lap is over: for how many times as many files there is room on the way, at least 1.
   */
  ended(now: number, roundTripMs: number): number | undefined {
    this.#first ??= now;
    if (--this.#left > 0) return undefined;
    const whole = now - this.#startedAt;
    // After a long wait the results came close together: the way was empty for the rest of the time.
    const times = Math.floor(whole / Math.max(now - this.#first, 1));
    // A connect takes a server some milliseconds: if so many files took no longer, they waited for the way alone.
    return Math.max(times, whole <= roundTripMs ? 2 : 1);
  }
}

/** The first session, and those that were opened besides. */
export class SessionPool {
  readonly first: PooledSession;
  readonly #options: ConnectOptions;
  #others: PooledSession[] = [];
  readonly #opening: Promise<void>[] = [];
  /** How many of those are not open yet. */
  #awaited = 0;
  /** Whether no other session is opened any more. */
  #isFinal: boolean;
  #lap: Lap | undefined;
  /** For how many times as many files there is room on the way, as the last lap has told. */
  #room = 1;
  /** How long the server took to answer a connect. */
  #roundTripMs = Infinity;

  /**
   * @param options By which other sessions are opened.
   * @param mayGrow Whether they may be.
   */
  constructor(first: Client, options: ConnectOptions, mayGrow: boolean) {
    this.first = { client: first, underWay: 0 };
    this.#options = options;
    this.#isFinal = !mayGrow;
  }

  /** Whether {@linkcode grow} may still open sessions. */
  get mayGrow(): boolean {
    return !this.#isFinal;
  }

  /** How many files may be under way at a time, in all sessions. */
  get mostUnderWay(): number {
    return (1 + this.#others.length) * (this.first.client.terms?.maxInflight ?? 1);
  }

  get #underWay(): number {
    return this.#others.reduce((sum, { underWay }) => sum + underWay, this.first.underWay);
  }

  /** The session for a file: of a small one, the session with the fewest files. */
  sessionFor(target: FileToSend): PooledSession {
    let chosen = this.first;
    if (this.#others.length === 0 || !isSmall(target)) return chosen;
    for (const other of this.#others) if (other.underWay < chosen.underWay) chosen = other;
    return chosen;
  }

  /** A session is given a file. */
  begun(session: PooledSession): void {
    session.underWay++;
  }

  /** A file has its result, or is given back. */
  ended(session: PooledSession): void {
    session.underWay--;
    const room = this.#lap?.ended(performance.now(), this.#roundTripMs);
    if (room === undefined) return;
    this.#room = room;
    this.#lap = undefined;
  }

  /**
   * Opens more sessions if files would have room on the way that those there are may not use. It does not wait
   * for them. Called after each file that was begun, while the pool {@linkcode mayGrow}.
   *
   * @param roundTripMs How long the server took to answer a connect; undefined while it has not.
   * @param smallLeft How many small files are not begun, as far as is known.
   */
  grow(roundTripMs: number | undefined, smallLeft: () => number): void {
    const { mode, terms } = this.first.client;
    if (roundTripMs === undefined || terms === undefined || this.#awaited > 0) return;
    // A limit of the rate holds for all files, and one session reaches it.
    if (mode !== "stateful" || this.#options.limitRate !== undefined) {
      this.#isFinal = true;
      return;
    }
    if (this.#room < 2) {
      const most = this.mostUnderWay;
      if (this.#lap !== undefined || this.#underWay < most) return;
      this.#roundTripMs = roundTripMs;
      this.#lap = new Lap(most, performance.now());
      return;
    }
    const sessions = 1 + this.#others.length;
    const windows = Math.floor(smallLeft() / terms.maxInflight);
    const more = Math.min(this.#room * sessions, MAX_SESSIONS, windows) - sessions;
    this.#room = 1;
    this.#awaited = Math.max(more, 0);
    this.#isFinal = more <= 0 || sessions + more === MAX_SESSIONS;
    for (let n = 0; n < more; n++) this.#opening.push(this.#open());
  }

  async #open(): Promise<void> {
    const { knownTerms: _, ...options } = this.#options;
    try {
      // It waits for the answer: what goes out before that would have to be sent again after a refusal.
      const client = await connect({ ...options, mode: "stateful", retries: 0 });
      this.#others.push({ client, underWay: 0 });
    } catch {
      // The server has no other session to give: the files go in those that there are.
      this.#isFinal = true;
    }
    this.#awaited--;
  }

  /** Gives a session up that is not the first one: its files are rejected. */
  retire(session: PooledSession): void {
    if (!this.#others.includes(session)) return;
    this.#others = this.#others.filter((other) => other !== session);
    session.client.close();
  }

  /**
   * Closes the sessions besides the first one behind the files that they have. Never rejects.
   *
   * @param allOver Resolves when no file is under way: from then on it may take {@linkcode DISCONNECT_MS}.
   */
  async closeOthers(allOver: Promise<unknown>): Promise<void> {
    this.#isFinal = true;
    await Promise.all(this.#opening);
    await Promise.all(this.#others.map(async ({ client }) => {
      const leaving = client.disconnect();
      leaving.catch(() => {});
      await allOver;
      await closeSession(client, leaving);
    }));
  }
}

/** Whether a file is small: any session may have it, and no part of it is worth keeping. */
export function isSmall({ size = Infinity }: FileToSend): boolean {
  return size < WORTH_RESUMING_BYTES;
}

/**
 * Closes a session in order. Never rejects: all files have their results, and the session expires by itself.
 *
 * @param leaving The disconnect, if it is under way.
 * @returns Whether the server has said that it is closed.
 */
export async function closeSession(
  client: Client,
  leaving?: ReturnType<Client["disconnect"]>,
): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const closing = leaving ?? client.disconnect();
    timer = setTimeout(() => client.close(), DISCONNECT_MS);
    await closing;
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    await client[Symbol.asyncDispose]();
  }
}
