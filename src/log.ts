/**
 * Logs are events with fields: `log.info("transfer.stored", { bytes, ms })`.
 *
 * The library takes a {@linkcode Logger} and never touches the console. A child logger carries the
 * fields of its connection or session; a session id is logged by its first 8 characters, and no
 * token, key or payload byte is ever a field.
 *
 * Most lines are written by one listener to the events of a server, {@linkcode logEvents}.
 *
 * @module
 */
import type { Code } from "./errors.ts";
import type { Events, EventType, ServerEvent, SessionStep } from "./events.ts";

/** How serious an event is. A logger of one level also keeps the levels after it in this list.
 * @category Events */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The facts of one event; values must survive `JSON.stringify`.
 * @category Events */
export type LogFields = Readonly<Record<string, unknown>>;

/** Receives the events of one part of the program.
 * @category Events */
export interface Logger {
  /** Whether events of this level are kept; ask before making fields that cost time. */
  enabled(level: LogLevel): boolean;
  /** Details for finding a fault: every change of a state with its rule. */
  debug(event: string, fields?: LogFields): void;
  /** What an operator sees by default. */
  info(event: string, fields?: LogFields): void;
  /** Something was refused or lost, and fxfer goes on. */
  warn(event: string, fields?: LogFields): void;
  /** Something that should never happen; the field `cause` has the error. */
  error(event: string, fields?: LogFields): void;
  /** A logger that adds these fields to each event. */
  child(fields: LogFields): Logger;
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** One event as a sink receives it.
 * @category Events */
export interface LogEvent {
  /** When, in ISO 8601 with milliseconds. */
  readonly time: string;
  /** The level. */
  readonly level: LogLevel;
  /** What happened, as `noun.verb`. */
  readonly event: string;
  /** The facts, those of the logger first. */
  readonly fields: LogFields;
}

/** Above which level a logger keeps events; a program may change it while it runs.
 * @category Events */
export interface LogThreshold {
  /** The least serious level that is kept. */
  level: LogLevel;
}

class SinkLogger implements Logger {
  readonly #sink: (event: LogEvent) => void;
  readonly #threshold: LogThreshold;
  readonly #fields: LogFields;

  constructor(sink: (event: LogEvent) => void, threshold: LogThreshold, fields: LogFields) {
    this.#sink = sink;
    this.#threshold = threshold;
    this.#fields = fields;
  }

  enabled(level: LogLevel): boolean {
    return ORDER[level] >= ORDER[this.#threshold.level];
  }
  #emit(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (!this.enabled(level)) return;
    const time = new Date().toISOString();
    this.#sink({ time, level, event, fields: { ...this.#fields, ...fields } });
  }
  debug(event: string, fields?: LogFields): void {
    this.#emit("debug", event, fields);
  }
  info(event: string, fields?: LogFields): void {
    this.#emit("info", event, fields);
  }
  warn(event: string, fields?: LogFields): void {
    this.#emit("warn", event, fields);
  }
  error(event: string, fields?: LogFields): void {
    this.#emit("error", event, fields);
  }
  child(fields: LogFields): Logger {
    return new SinkLogger(this.#sink, this.#threshold, { ...this.#fields, ...fields });
  }
}

/**
 * A logger that hands each event at or above a level to `sink`, in order; `sink` must not throw. The level
 * of a {@linkcode LogThreshold} may change later, for this logger and its children.
 * @category Events
 */
export function createLogger(
  sink: (event: LogEvent) => void,
  level: LogLevel | LogThreshold = "info",
): Logger {
  return new SinkLogger(sink, typeof level === "string" ? { level } : level, {});
}

/** A logger that drops everything: the library's default.
 * @category Events */
export const silentLogger: Logger = {
  enabled: () => false,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

/**
 * An event as one line of JSON, without the line feed, under the names that programs for logs know: `ts` for
 * the time, `level`, and `msg` for what happened. An Error in the fields becomes its text.
 * @category Events
 */
export function formatJson({ time: ts, level, event: msg, fields }: LogEvent): string {
  return JSON.stringify(
    { ts, level, msg, ...fields },
    (_key, value) => value instanceof Error ? describeError(value) : value,
  );
}

/** An error as one line: its text, then the text of each cause. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at !== undefined && depth < 4; depth++) {
    parts.push(at instanceof Error ? `${at.name}: ${at.message}` : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(" <- ");
}

/** The level of an event's line in the log, where it is not `info`. */
const LEVELS: Readonly<Partial<Record<EventType, LogLevel>>> = {
  "connection.opened": "debug",
  "connection.closed": "debug",
  "session.early": "debug",
  "session.renewed": "debug",
  "session.detached": "debug",
  "session.forgotten": "debug",
  "transfer.begun": "debug",
  "transfer.checkpointed": "debug",
  "transfer.announced": "debug",
  "transfer.dropped": "debug",
  "file.listed": "debug",
  "limit.reached": "debug",
  "store.lost": "warn",
  "settings.refused": "warn",
  "server.degraded": "warn",
  "worker.started": "debug",
  "worker.died": "error",
  "worker.hangs": "error",
};

/** Refusals with these codes are warnings: the server cannot do what it is there for. */
const GRAVE: ReadonlySet<Code> = new Set<Code>([
  "storage_full",
  "store_unavailable",
  "max_sessions",
  "too_many_connections",
]);

/** The events that are warnings when their code is one of these. */
const REFUSALS: ReadonlySet<EventType> = new Set<EventType>([
  "connection.refused",
  "request.refused",
  "transfer.refused",
]);

/** Events whose lines in the log have another name, by which readers of the log know them. */
const NAMES: Readonly<Partial<Record<EventType, string>>> = {
  "connection.refused": "request.refused",
  "transfer.refused": "request.refused",
  "session.taken_over": "session.resumed",
};

/** Whether the log has a line for events of this type. */
export function isLogged(type: EventType, log: Logger): boolean {
  return log.enabled(LEVELS[type] ?? (REFUSALS.has(type) ? "warn" : "info"));
}

/** The level of an event's line in the log. */
function levelOf(event: ServerEvent): LogLevel {
  const grave = REFUSALS.has(event.type) && GRAVE.has((event as { code: Code }).code);
  return grave ? "warn" : LEVELS[event.type] ?? "info";
}

/** Writes a line of the log for each event: this is the one place that does.
 * @category Events */
export function logEvents(events: Events, log: Logger): Disposable {
  return events.subscribe((event) => {
    const { type, rule: _rule, from: _from, to: _to, ...fields } = event as
      & ServerEvent
      & Partial<SessionStep>;
    log[levelOf(event)](NAMES[type] ?? type, fields);
  }, (type) => isLogged(type, log));
}
