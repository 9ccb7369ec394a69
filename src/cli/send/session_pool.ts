/**
 * The sessions of one command. A session has no more files unanswered than the server's `max_inflight`, so
 * over a long road it waits for answers most of the time. Where that is so and many small files are left, a
 * command opens more sessions, each on a connection of its own, and shares the files between them.
 *
 * The first session is the one that is written down and resumed, and it takes all that is not small. The
 * others are a help that may fail: they never connect again, and what goes wrong in one is not told. A file
 * whose answer one of them does not get goes to the first session, under the same upload id (S-TRF-9).
 *
 * @module
 */
import { type Client, connect, type ConnectOptions } from "../../client/mod.ts";
import { WORTH_RESUMING_BYTES } from "./journal.ts";
import type { FileToSend } from "./file_to_send.ts";

/** No command has more sessions: they take the places of others. */
const MAX_SESSIONS = 4;

/** A server stores about so many small files in a millisecond: what more could be under way would only wait there. */
const FILES_PER_MS = 20;

/** How long closing a session may take; a session that is not closed expires by itself. */
const DISCONNECT_MS = 5000;

/** One session. */
export interface PooledSession {
  readonly client: Client;
  /** Files that it has been given and that have no result. */
  underWay: number;
}

/** The first session, and those that were opened besides. */
export class SessionPool {
  readonly first: PooledSession;
  readonly #options: ConnectOptions;
  #others: PooledSession[] = [];
  #opening: Promise<void>[] = [];
  /** Whether no other session is opened any more. */
  #isFinal: boolean;

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

  /** The session for a file: of a small one, the session with the fewest files. */
  sessionFor(target: FileToSend): PooledSession {
    let chosen = this.first;
    if (this.#others.length === 0 || !isSmall(target)) return chosen;
    for (const other of this.#others) if (other.underWay < chosen.underWay) chosen = other;
    return chosen;
  }

  /**
   * Opens more sessions, once, if the first one is half full and the road is long. It does not wait for them.
   *
   * @param roundTripMs How long the server took to answer a connect; undefined while it has not.
   * @param smallLeft How many small files are not begun, as far as is known.
   */
  grow(roundTripMs: number | undefined, smallLeft: () => number): void {
    const { client: { mode, terms }, underWay } = this.first;
    if (this.#isFinal || roundTripMs === undefined || terms === undefined) return;
    const { maxInflight } = terms;
    if (2 * underWay < maxInflight) return;
    this.#isFinal = true;
    // A limit of the rate holds for all files, and one session reaches it.
    if (mode !== "stateful" || this.#options.limitRate !== undefined) return;
    const useful = Math.ceil(FILES_PER_MS * roundTripMs / maxInflight);
    if (useful < 2) return;
    const windows = Math.floor(smallLeft() / maxInflight);
    const sessions = Math.min(MAX_SESSIONS, useful, windows);
    for (let n = 1; n < sessions; n++) this.#opening.push(this.#open());
  }

  async #open(): Promise<void> {
    const { knownTerms: _, ...options } = this.#options;
    try {
      // It waits for the answer: what goes out before that would have to be sent again after a refusal.
      const client = await connect({ ...options, mode: "stateful", retries: 0 });
      this.#others.push({ client, underWay: 0 });
    } catch {
      // The server has no other session to give: the files go in those that there are.
    }
  }

  /** Gives a session up that is not the first one: its files are rejected. */
  retire(session: PooledSession): void {
    if (!this.#others.includes(session)) return;
    this.#others = this.#others.filter((other) => other !== session);
    session.client.close();
  }

  /** Closes the sessions besides the first one behind the files that they have. Never rejects. */
  async closeOthers(): Promise<void> {
    this.#isFinal = true;
    await Promise.all(this.#opening);
    await Promise.all(this.#others.map(({ client }) => closeSession(client)));
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
