/**
 * The events as a stream for operators: numbered, so that a reader that was cut off goes on where it was.
 * A reader that does not read is dropped; it never holds the server up.
 *
 * The server is asked for all its events only while somebody reads, and for half a minute after that, so
 * that a reader may come back.
 *
 * @module
 */
import type { Events, ServerEvent } from "../events.ts";
import { sentenceOf } from "../trace/mod.ts";

/** So many events are kept for readers that come back. */
const MAX_KEPT = 1000;

/** So many events wait for a reader at most; one that is further behind is dropped. */
const MAX_WAITING = 5000;

/** How long events go on being kept without a reader, in milliseconds. */
const LINGER_MS = 30_000;

/** A sign of life for proxies and for finding readers that are gone, in milliseconds. */
const PING_MS = 15_000;

/** An event with its number, the time in ISO 8601 and, if it belongs to a session, its sentence. */
export type NumberedEvent = ServerEvent & {
  readonly id: number;
  readonly ts: string;
  readonly text?: string;
};

/** Which events a reader wants. */
export interface Wanted {
  /** The first 8 characters of a session's id; undefined for all. */
  readonly session?: string | undefined;
  /** Names of events, or their first parts such as `session`; none for all. */
  readonly types: readonly string[];
}

/** Keeps the last events, and hands them to readers. */
export class Feed implements Disposable {
  readonly #events: Events;
  readonly #watch: (on: boolean) => void;
  readonly #kept: NumberedEvent[] = [];
  readonly #readers = new Set<(event: NumberedEvent) => void>();
  /** Numbers go on from the time, so that they go up over a restart, too. */
  #last = Date.now() * 1000;
  #listening: Disposable | undefined;
  #lingering: ReturnType<typeof setTimeout> | undefined;

  /** @param watch Told when all events are wanted, and when no longer. */
  constructor(events: Events, watch: (on: boolean) => void) {
    this.#events = events;
    this.#watch = watch;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#lingering);
    this.#stop();
  }

  #start(): void {
    clearTimeout(this.#lingering);
    if (this.#listening !== undefined) return;
    this.#listening = this.#events.subscribe((event) => this.#heard(event));
    this.#watch(true);
  }

  #stop(): void {
    if (this.#listening === undefined) return;
    this.#listening[Symbol.dispose]();
    this.#listening = undefined;
    this.#watch(false);
  }

  #heard(event: ServerEvent): void {
    const text = sentenceOf(event);
    const numbered: NumberedEvent = {
      id: ++this.#last,
      ts: new Date().toISOString(),
      ...event,
      ...(text !== undefined && { text }),
    };
    this.#kept.push(numbered);
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
    for (const reader of this.#readers) reader(numbered);
  }

  /** The events after number `after` that are still kept, then those that come, as server-sent events. */
  async *stream(wanted: Wanted, after: number | undefined): AsyncGenerator<Uint8Array> {
    const waiting: NumberedEvent[] = [];
    let wake = () => {};
    let dropped = false;
    const reader = (event: NumberedEvent) => {
      if (!isWanted(event, wanted)) return;
      if (waiting.length >= MAX_WAITING) dropped = true;
      else waiting.push(event);
      wake();
    };
    const encoder = new TextEncoder();
    this.#start();
    if (after !== undefined) {
      for (const event of this.#kept) {
        if (event.id > after) reader(event);
      }
    }
    this.#readers.add(reader);
    try {
      yield encoder.encode(`retry: 1000\nid: ${this.#last}\ndata:\n\n`);
      while (!dropped) {
        if (waiting.length > 0) {
          const lines = waiting.splice(0).map(({ id, ...event }) =>
            `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify({ id, ...event })}\n\n`
          );
          yield encoder.encode(lines.join(""));
          continue;
        }
        const { promise, resolve } = Promise.withResolvers<boolean>();
        wake = () => resolve(true);
        const timer = setTimeout(resolve, PING_MS, false);
        const woken = await promise;
        clearTimeout(timer);
        if (!woken) yield encoder.encode(": still here\n\n");
      }
    } finally {
      wake();
      this.#readers.delete(reader);
      if (this.#readers.size === 0) {
        clearTimeout(this.#lingering);
        this.#lingering = setTimeout(() => this.#stop(), LINGER_MS);
      }
    }
  }
}

function isWanted(event: ServerEvent, { session, types }: Wanted): boolean {
  const { session: its } = event as { session?: string };
  if (session !== undefined && its !== session) return false;
  return types.length === 0 ||
    types.some((type) => event.type === type || event.type.startsWith(`${type}.`));
}
