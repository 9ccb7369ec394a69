/**
 * The one seam of events. Everything that happens in a server is told here once: where it happens, after
 * it has become true (a change of a session after its save), with the rule behind it. The log,
 * `serve --trace`, the parent of several workers, embedding programs and tests listen.
 *
 * An event is plain data that survives `postMessage`. It never holds a token, a key or payload bytes,
 * and it names a session by the first 8 characters of its id.
 *
 * Some lines of the log are no events: they help to find a fault, and nothing happened that a user could
 * tell. These are steps that failed and are tried again, or replaced by a slower way (`accept.failed`,
 * `checkpoint.unsaved`, `fence.failed`, `session.undetached`, `sweep.failed`, `sweep.postponed`,
 * `takeover.unannounced`, `upload.undropped`), errors with a cause that nobody foresaw
 * (`request.failed`, `connection.failed`), notes about the configuration, what storage repairs in its
 * folder, the links to Redis, and readiness, which is computed when a probe asks.
 *
 * To add an event: give it its facts in {@linkcode EventFacts} and its level in src/log.ts if
 * that is not `info`, emit it where it happens, and write its sentence in src/trace if it belongs to a
 * session: the compiler asks for that. Where it is emitted for each file, ask {@linkcode Events.wants}
 * first.
 *
 * @module
 */
import type { Code } from "./errors.ts";

/** The id of a rule of the wire or of the session layer. */
export type Rule = `S-${string}-${number}`;

/** The states of a session by the names in the picture of the session layer. */
export type StateName =
  | "Idle"
  | "Connected"
  | "Authenticated"
  | "Active"
  | "Detached"
  | "Timeout"
  | "Disconnected"
  | "Cleanup";

/** The facts of what happened on a connection, or of what no connection of this server was part of. */
export interface OnConnection {
  /** Counts the connections of a server from 1. */
  readonly connection?: number;
}

/** The facts of a step of a session. */
export interface SessionStep extends OnConnection {
  /** The first 8 characters of its id. */
  readonly session: string;
  /** Its state before the step. */
  readonly from: StateName;
  /** Its state after it; the same one where the step changes something else. */
  readonly to: StateName;
}

/** The facts of a transfer: of a session, or of none. */
export interface TransferStep extends Partial<SessionStep> {
  /** The number of its frame in the session. */
  readonly sequence?: number;
}

/** The facts of a refusal. */
export interface Refusal extends OnConnection {
  /** The code that was answered. */
  readonly code: Code;
  /** The sentence behind the code; it holds no text of the peer's. */
  readonly reason: string;
  /** What went wrong underneath, as text. */
  readonly cause?: string;
}

/** The facts of an attach: `sequence` ran last, `offset` bytes of a file under way are kept. */
export interface Attached extends SessionStep {
  /** How often the session was attached to. */
  readonly epoch: number;
  /** The number of the last frame that ran. */
  readonly sequence: number;
  /** How many bytes of an open file are kept. */
  readonly offset?: number;
  /** Where the client comes from. */
  readonly address: string;
}

/** A watched number that crossed its limit. */
export interface Crossing {
  /** The number when it crossed. */
  readonly value: number;
  /** Where it takes hold. */
  readonly limit: number;
}

/** The facts of each event, by its name. Sizes are in bytes; times, which end in `ms`, in milliseconds. */
export interface EventFacts {
  /** A client's connection was accepted. */
  readonly "connection.opened": { readonly connection: number; readonly address: string };
  /** A connection was refused before its first frame. */
  readonly "connection.refused": Refusal & { readonly address: string };
  /** A client allowed it and is served without a session, for the reason `code` (S-DEG-1). */
  readonly "connection.degraded": OnConnection & { readonly code: Code };
  /** A connection ended; `code` is the last word of the server, if it had one. */
  readonly "connection.closed": {
    readonly connection: number;
    readonly requests: number;
    readonly code?: Code;
  };
  /** A connection was ended, or a request that is no transfer was refused. */
  readonly "request.refused": Refusal;
  /** A new session; `secret` tells whether its client got one. */
  readonly "session.created": SessionStep & { readonly address: string; readonly secret: boolean };
  /** A detached session goes on. */
  readonly "session.resumed": Attached;
  /** A second connection has taken the session from the attached one. */
  readonly "session.taken_over": Attached;
  /** A heartbeat, or the server for a quiet connection, has made the lease longer. */
  readonly "session.renewed": SessionStep;
  /** The connection is gone; the session expires after this time. */
  readonly "session.detached": SessionStep & { readonly expires_ms: number };
  /** A connection lost its session to another process; or to another server, at `moved`. */
  readonly "session.fenced": OnConnection & {
    readonly session: string;
    readonly epoch?: number;
    readonly moved?: string;
  };
  /** The session was exported to the server at `address`. */
  readonly "session.moved": SessionStep & { readonly address: string; readonly epoch: number };
  /** The session was imported from another server. */
  readonly "session.arrived": SessionStep & { readonly epoch: number };
  /** The time of a detached session is over. */
  readonly "session.expired": SessionStep;
  /** The session ended: its client disconnected, or wanted a clean start. */
  readonly "session.closed": SessionStep & {
    readonly files: number;
    readonly bytes: number;
    readonly messages: number;
  };
  /** The tombstone of an ended session was removed: its id means nothing any more. */
  readonly "session.forgotten": SessionStep;
  /** A file was opened for bytes that are still on their way. A file that is here at once is only stored. */
  readonly "transfer.begun": TransferStep;
  /** The first `offset` bytes are kept, whatever becomes of the connection. */
  readonly "transfer.checkpointed": SessionStep & { readonly offset: number };
  /** The store knows that a finished file is about to get its final name. */
  readonly "transfer.announced": SessionStep & {
    readonly sequence: number;
    readonly bytes: number;
  };
  /** A file is under its final name, and its session knows: `path` without, `file` with a session. */
  readonly "transfer.stored": TransferStep & {
    readonly path?: string;
    readonly file?: string;
    readonly bytes: number;
    readonly ms?: number;
    readonly version?: 1;
    /** Its commit was cut short earlier, and was brought to its end now. */
    readonly recovered?: true;
  };
  /** Nothing ran again: a kept reply was sent (S-SEQ-1), or the upload id is known (S-TRF-9). */
  readonly "transfer.replayed": TransferStep;
  /** A transfer was refused. */
  readonly "transfer.refused": Refusal & { readonly session?: string; readonly sequence?: number };
  /** A partial file is gone, or the announced name of a file is not to be had. */
  readonly "transfer.dropped": TransferStep & {
    readonly reason: "cancelled" | "failed" | "known" | "lost" | "ended";
  };
  /** The session store does not answer (S-DEG-2). */
  readonly "store.lost": { readonly store: string; readonly cause: string };
  /** It does again. */
  readonly "store.back": { readonly store: string };
  /** Something was refused, with `code`, because of a limit: the name of its setting. */
  readonly "limit.reached": OnConnection & { readonly limit: string; readonly code: Code };
  /** New sessions give way to stateless service (S-DEG-1). */
  readonly "server.degraded": Crossing & { readonly above: string };
  /** New sessions are served again. */
  readonly "server.recovered": Crossing & { readonly below: string };
  /** Partial files that no session speaks of were removed. */
  readonly "storage.swept": { readonly removed: number };
  /** A server takes connections. What it does not know, such as the folder, its program adds. */
  readonly "server.listening": {
    readonly hostname: string;
    readonly port: number;
    readonly mode: string;
    readonly storage?: string;
    readonly tier: string;
    readonly durability: string;
    readonly sessions?: string;
    readonly workers?: number;
  };
  /** The program was told to stop by a signal. */
  readonly "server.signal": { readonly signal: string };
  /** A server takes no more connections, and has this many to end. */
  readonly "server.stopping": { readonly connections: number };
  /** Every connection has ended. */
  readonly "server.stopped": OnConnection;
  /** The health answers can be asked for. */
  readonly "health.listening": { readonly hostname: string; readonly port: number };
  /** A worker listens for the first time. */
  readonly "worker.started": { readonly worker: number };
  /** A worker that had died listens again. */
  readonly "worker.back": { readonly worker: number };
  /** A worker died; another takes its place after `again_ms`, if it did not die too often. */
  readonly "worker.died": {
    readonly worker: number;
    readonly reason: string;
    readonly again_ms?: number;
  };
  /** A worker did not stop in time and was ended. */
  readonly "worker.hangs": { readonly worker: number };
}

/** The name of an event, as `noun.verb`. */
export type EventType = keyof EventFacts;

/** One thing that happened: its name, the rule behind it if there is one, and its facts. */
export type ServerEvent<T extends EventType = EventType> = {
  [K in T]:
    & {
      readonly type: K;
      readonly rule?: Rule;
      /** Which of several workers it happened in. */
      readonly worker?: number;
    }
    & EventFacts[K];
}[T];

/** What listens. What it returns is not looked at, and a promise is not waited for. */
export type Listener = (event: ServerEvent) => unknown;

interface Subscription {
  readonly listener: Listener;
  readonly wants: ((type: EventType) => boolean) | undefined;
}

/**
 * Where events are told and listened to.
 *
 * @example
 * ```ts
 * import { Events } from "../mod.ts";
 *
 * const events = new Events();
 * const heard: string[] = [];
 * {
 *   using _listening = events.subscribe(({ type }) => heard.push(type));
 *   events.emit({ type: "server.signal", signal: "SIGTERM" });
 * }
 * events.emit({ type: "server.stopped" });
 * console.assert(heard.join() === "server.signal");
 * ```
 */
export class Events {
  readonly #subscriptions = new Set<Subscription>();
  readonly #failed: (cause: unknown) => void;

  /** @param failed Hears what a listener threw, or its promise was rejected with; must not throw. */
  constructor(failed: (cause: unknown) => void = () => {}) {
    this.#failed = failed;
  }

  /** Whether anybody listens to events of this type: to be asked where building one would cost. */
  wants(type: EventType): boolean {
    for (const { wants } of this.#subscriptions) if (wants?.(type) ?? true) return true;
    return false;
  }

  /** Tells an event, in order, to everyone who wants it. Never throws. */
  emit(event: ServerEvent): void {
    for (const { listener, wants } of this.#subscriptions) {
      if (wants?.(event.type) === false) continue;
      try {
        const returned = listener(event);
        if (returned instanceof Promise) returned.catch(this.#failed);
      } catch (cause) {
        this.#failed(cause);
      }
    }
  }

  /**
   * Calls `listener` for each event from now on, until disposed.
   *
   * @param wants Which types it is for; absent: all. Asked often, so it must be quick.
   */
  subscribe(listener: Listener, wants?: (type: EventType) => boolean): Disposable {
    const subscription = { listener, wants };
    this.#subscriptions.add(subscription);
    return { [Symbol.dispose]: () => void this.#subscriptions.delete(subscription) };
  }
}
