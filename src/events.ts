/**
 * The events of a server. The code in which something happens emits one event after it has happened (a
 * change of a session: after its save), with the rule behind it. The log, `serve --trace`, the parent of
 * several workers, embedding programs and tests listen to the events.
 *
 * An event is plain data that survives `postMessage`. It never holds a token, a key or payload bytes,
 * and it names a session by the first 8 characters of its id.
 *
 * Some lines of the log are no events, because they only help to find a fault, and users notice nothing of
 * what they tell. These are steps that failed and are tried again or done in another way (`accept.failed`,
 * `checkpoint.unsaved`, `fence.failed`, `sweep.postponed` …), errors that nobody foresaw
 * (`request.failed`, `connection.failed`), notes about the configuration, what storage repairs in its
 * folder, the links to Redis, and readiness, which is computed when a probe asks.
 *
 * To add an event: give it its facts in {@linkcode EventFacts}, and in src/log.ts its level if that is
 * not `info`; emit it where it happens; if it belongs to a session the compiler asks for its sentence in
 * src/trace. If it is emitted for each file, call {@linkcode Events.wants} first.
 *
 * @module
 */
import type { Code } from "./errors.ts";

/** The id of a rule of the wire or of the session layer.
 * @category Events */
export type Rule = `S-${string}-${number}`;

/** The states of a session by the names in the picture of the session layer.
 * @category Events */
export type StateName =
  | "Idle"
  | "Connected"
  | "Authenticated"
  | "Active"
  | "Detached"
  | "Timeout"
  | "Disconnected"
  | "Cleanup";

/** A step of a session: the start of its id, its states before and after, and its connection, if any.
 * @category Events */
export type SessionStep = { connection?: number; session: string; from: StateName; to: StateName };

/** Who has sent a request: the client's address, and the user whose key it has shown.
 * @category Events */
export type Sender = { address?: string; user?: string };

/** A step of a transfer, in a session or in none; `sequence` is the number of its frame.
 * @category Events */
export type TransferStep = Partial<SessionStep> & { sequence?: number };

/**
 * A file that is whole. Without a session it has its `path`, and `version` 1 or the time that it took in
 * `ms`; in a session it has its name as `file`. `recovered`: its commit was cut short, and finished later.
 * @category Events
 */
export type FileStep = TransferStep & Sender & {
  /** The file's name at the sender. */
  name?: string;
  path?: string;
  file?: string;
  ms?: number;
  version?: 1;
  recovered?: true;
};

/** A stored file that is read or removed, in a session or in none, by its path without the session's id.
 * @category Events */
export type FileEvent = Partial<SessionStep> & { path: string };

/** A refusal: the code of the reply, the reason as a sentence without any text of the peer, and the cause.
 * @category Events */
export type Refusal = Sender & {
  connection?: number;
  code: Code;
  reason: string;
  cause?: string;
};

/** An attach: its epoch, the last number that ran, the bytes kept of an open file, the client's address.
 * @category Events */
export type Attach = SessionStep & {
  epoch: number;
  sequence: number;
  offset?: number;
  address: string;
};

/** The facts of each event, by its name. Sizes are in bytes, fields whose name ends in `ms` in milliseconds.
 * @category Events */
export type EventFacts = {
  /** A client's connection was accepted. */
  "connection.opened": { connection: number; address: string; tls?: true };
  /** A connection was refused before its first frame. */
  "connection.refused": Refusal & { address: string };
  /** A connect has shown the key of a user, for whom the connection acts from now on. */
  "connection.proven": { connection: number; user: string };
  /** A client that allowed it is served without a session, for the reason `code`. */
  "connection.degraded": { connection: number; code: Code };
  /** A connection ended; `code` is that of the notice, if the server sent one. */
  "connection.closed": { connection: number; requests: number; code?: Code };
  /** A request other than a transfer was refused, or the server has ended a connection. */
  "request.refused": Refusal;
  /** A new session; `secret` tells whether its client got one. */
  "session.created": SessionStep & { address: string; secret: boolean };
  /** The first frame came that was sent before its client knew the session's id. */
  "session.early": SessionStep;
  /** A detached session goes on. */
  "session.resumed": Attach;
  /** A second connection has taken the session from the attached one. */
  "session.taken_over": Attach;
  /** The lease was renewed: a heartbeat came, or the server knows that the connection is only quiet. */
  "session.renewed": SessionStep;
  /** The connection is gone; the session expires after this time. */
  "session.detached": SessionStep & { expires_ms: number };
  /** A connection lost its session to another process; or to another server, at `moved`. */
  "session.fenced": { connection: number; session: string; epoch?: number; moved?: string };
  /** The session was exported to the server at `address`. */
  "session.moved": SessionStep & { address: string; epoch: number };
  /** The time of a detached session is over. */
  "session.expired": SessionStep;
  /** An operator has ended the session. */
  "session.revoked": SessionStep;
  /** The session ended: its client disconnected, or wanted a clean start. */
  "session.closed": SessionStep & { files: number; bytes: number; messages: number };
  /** The tombstone of an ended session was removed: its id means nothing any more. */
  "session.forgotten": SessionStep;
  /** A file was opened for bytes that are on their way; a file whose bytes are all here is just stored. */
  "transfer.begun": TransferStep;
  /** The first `offset` bytes are kept, whatever becomes of the connection. */
  "transfer.checkpointed": TransferStep & { offset: number };
  /** The store knows that a finished file is about to get its final name. */
  "transfer.announced": TransferStep & { bytes: number };
  /** A file is under its final name, and the record of its session says so. */
  "transfer.stored": FileStep & { bytes: number };
  /** Nothing ran again: a kept reply was sent (S-SEQ-1), or the upload id was known (S-TRF-9). */
  "transfer.replayed": FileStep;
  /** A transfer was refused. */
  "transfer.refused": Refusal & { session?: string; sequence?: number };
  /** A partial file is gone, or a file could not get the final name that was announced. */
  "transfer.dropped": TransferStep & {
    reason: "cancelled" | "failed" | "known" | "lost" | "ended";
  };
  /** A stored file, or `bytes` of it from `offset` on, was sent to a client. */
  "file.fetched": FileEvent & { offset: number; bytes: number; ms: number };
  /** A client was told a page of the list of files. */
  "file.listed": Partial<SessionStep> & { files: number };
  /** A stored file was removed at the wish of a client. */
  "file.removed": FileEvent & { bytes: number };
  /** The session store does not answer. */
  "store.lost": { store: string; cause: string };
  /** The session store answers again. */
  "store.back": { store: string };
  /** A request or a connection was refused with `code`, because of the setting that `limit` names. */
  "limit.reached": { connection?: number; limit: string; code: Code };
  /** New sessions give way to stateless service: the number named by `above` is over its limit. */
  "server.degraded": { above: string; value: number; limit: number };
  /** New sessions are served again. */
  "server.recovered": { below: string; value: number; limit: number };
  /** Partial files that no session names were removed. */
  "storage.swept": { removed: number };
  /** A stored file was removed, because of the setting that `reason` names, or by a client (`remove`) or `operator`. */
  "storage.removed": { path: string; bytes: number; reason: string };
  /** A server takes connections. The program adds the facts that only it knows, such as the folder. */
  "server.listening": {
    hostname: string;
    port: number | "off";
    /** The port for TLS; the pin of a certificate that fxfer made, or when another one ends. */
    tls_port?: number;
    pin?: string;
    until?: string;
    mode: string;
    storage?: string;
    tier: string;
    durability: string;
    sessions?: string;
    workers?: number;
  };
  /** Settings have changed while the server runs; `restart` are those whose new values wait for a restart. */
  "settings.changed": { changed: readonly string[]; restart?: readonly string[] };
  /** The configuration was read again and has faults: nothing has changed. */
  "settings.refused": { reason: string };
  /** New connections get another certificate (S-TLS-4): its pin if fxfer made it, or else when it ends. */
  "certificate.changed": { pin: string } | { until: string };
  /** The program was told to stop by a signal. */
  "server.signal": { signal: string };
  /** A server takes no more connections, and has this many to end. */
  "server.stopping": { connections: number };
  /** Every connection has ended. */
  "server.stopped": unknown;
  /** The health listener takes connections. */
  "health.listening": { hostname: string; port: number };
  /** The door for operators is open; `token` tells whether it asks for one. */
  "admin.listening": { hostname: string; port: number; token: boolean; tls: boolean };
  /** A worker listens for the first time. */
  "worker.started": { worker: number };
  /** A worker that had died listens again. */
  "worker.back": { worker: number };
  /** A worker died; it is started again after `again_ms`, unless it died too often. */
  "worker.died": { worker: number; reason: string; again_ms?: number };
  /** A worker did not stop in time and was ended. */
  "worker.hangs": { worker: number };
};

/** The name of an event, as `noun.verb`.
 * @category Events */
export type EventType = keyof EventFacts;

/** One thing that happened: its name, the rule behind it, the worker it happened in, and its facts.
 * @category Events */
export type ServerEvent<T extends EventType = EventType> = {
  [K in T]: Readonly<{ type: K; rule?: Rule; worker?: number } & EventFacts[K]>;
}[T];

/** The events that may belong to a session.
 * @category Events */
export type SessionEvent = {
  [K in EventType]: "session" extends keyof EventFacts[K] ? K : never;
}[EventType];

/** A function that hears events. Its result is ignored, and a promise is not waited for.
 * @category Events */
export type Listener = (event: ServerEvent) => unknown;

interface Listening {
  readonly listener: Listener;
  readonly wants: (type: EventType) => boolean;
  isOver: boolean;
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
 * @category Events
 */
export class Events {
  /** Made anew when it changes: to go through an array takes a third of the time that a set takes. */
  #all: readonly Listening[] = [];
  readonly #failed: (cause: unknown) => void;

  /** Starts without listeners. @param failed Hears the errors that listeners throw or reject with; must not throw. */
  constructor(failed: (cause: unknown) => void = () => {}) {
    this.#failed = failed;
  }

  /** Whether a listener wants events of this type; to be called before an event that is costly to make. */
  wants(type: EventType): boolean {
    for (const { wants } of this.#all) if (wants(type)) return true;
    return false;
  }

  /** Tells an event to the listeners that want it, in the order they subscribed in. Never throws. */
  emit(event: ServerEvent): void {
    for (const { listener, wants, isOver } of this.#all) {
      if (!isOver && wants(event.type)) call(listener, event, this.#failed);
    }
  }

  /** Calls `listener` for each event until disposed. @param wants Which types it wants, if not all; quick. */
  subscribe(listener: Listener, wants: (type: EventType) => boolean = () => true): Disposable {
    const added: Listening = { listener, wants, isOver: false };
    this.#all = [...this.#all, added];
    return {
      [Symbol.dispose]: () => {
        added.isOver = true;
        this.#all = this.#all.filter((one) => one !== added);
      },
    };
  }
}

/** Calls a function of an embedding program; the error it throws or rejects with goes to `failed`. */
export function call<T>(
  listener: (value: T) => unknown,
  value: T,
  failed: (cause: unknown) => void,
): void {
  try {
    const returned = listener(value);
    if (returned instanceof Promise) returned.catch(failed);
  } catch (cause) {
    failed(cause);
  }
}
