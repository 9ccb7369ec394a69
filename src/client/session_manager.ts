/**
 * The session over its connections: connects, greets, runs a link until it ends, and connects again,
 * until the client is closed, is refused for good, or has tried often enough without progress.
 *
 * @module
 */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { ClientConnection } from "./client_connection.ts";
import type { ClientEvent } from "./events.ts";
import { askFor, DEFAULT_KEEPALIVE_S, dial, type Greeting, NotVersion2 } from "./handshake.ts";
import { Link } from "./link.ts";
import type { Outcome } from "./items.ts";
import { Outbox } from "./outbox.ts";
import { type Backoff, backoffOf, DEFAULT_RETRIES, retryDelay } from "./retry.ts";
import { Route } from "./route.ts";
import { Transmitter } from "./transmit.ts";
import type { ConnectOptions, SessionTotals, Terms } from "./types.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import { Gate, pause } from "./wait.ts";

/** See the module's text. */
export class SessionManager {
  sessionId: string | null;
  token: string | undefined;
  terms: Terms | undefined;
  mode: "stateful" | "stateless";

  readonly #options: ConnectOptions;
  readonly #route: Route;
  readonly #backoff: Backoff;
  readonly #retries: number;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #outbox: Outbox;
  readonly #transmitter = new Transmitter();
  readonly #stop = new AbortController();
  readonly #work = new Gate();
  readonly #first = Promise.withResolvers<void>();
  readonly #totals = Promise.withResolvers<SessionTotals | undefined>();
  #link: Link | undefined;
  /** Whether a connection was ever attached. */
  #attached = false;
  /** Tries in a row without progress. */
  #failures = 0;
  #progressSeen = 0;
  /** Tries were used up, and nobody has asked for more. */
  #gaveUp = false;
  /** Why nothing can be sent any more. */
  #over: FxferError | undefined;
  #running: Promise<void> | undefined;

  /** @throws {RangeError} If a number among the options cannot be used. */
  constructor(options: ConnectOptions, address: Endpoint) {
    this.#options = options;
    this.#route = new Route(address, options.trustedServers ?? []);
    this.#backoff = backoffOf(options.backoff);
    this.#retries = options.retries ?? DEFAULT_RETRIES;
    if (!Number.isInteger(this.#retries) || this.#retries < 0) {
      throw new RangeError("Cannot connect: retries must be an integer of 0 or more");
    }
    this.#now = options.now ?? Date.now;
    this.#log = options.log ?? silentLogger;
    this.sessionId = options.sessionId ?? null;
    this.token = options.token;
    this.mode = options.mode === "stateless" ? "stateless" : "stateful";
    this.#outbox = new Outbox({
      retries: this.#retries,
      backoff: this.#backoff,
      now: this.#now,
      random: options.random ?? Math.random,
      onEvent: (event) => this.#emit(event),
      onNews: () => this.#wake(),
    });
    // Heard by whoever asked; where nobody did, a rejection must not end the process.
    this.#totals.promise.catch(() => {});
    this.#first.promise.catch(() => {});
  }

  /** The server that has the session. */
  get address(): Endpoint {
    return this.#route.address;
  }

  /** Connects for the first time. @throws {FxferError} What refused it; tries used up; interrupted. */
  async start(): Promise<void> {
    this.#running = this.#run();
    try {
      await this.#first.promise;
    } catch (error) {
      await this.#running;
      throw error;
    }
  }

  /** One more file; its `result` tells what became of it. */
  add(upload: OutgoingFile): void {
    if (this.#over !== undefined) return upload.fail(this.#over);
    this.#outbox.add(upload);
  }

  /** A file was given up: inside a frame only a new connection can go on. */
  abandon(upload: OutgoingFile, error: FxferError): void {
    const inside = upload.sending;
    upload.fail(error);
    if (inside) this.#link?.cut(error);
    this.#wake();
  }

  /** Ends the session after the files under way (S-DIS-1). */
  async disconnect(): Promise<SessionTotals | undefined> {
    if (this.#over !== undefined) throw this.#over;
    this.#outbox.closing = true;
    this.#wake();
    const totals = await this.#totals.promise;
    await this.#running;
    return totals;
  }

  /** Ends the client at once; the session stays on the server. Resolves when nothing is open. */
  async stop(error: FxferError): Promise<void> {
    this.#end(error);
    await this.#running;
  }

  #wake(): void {
    this.#work.open();
    this.#link?.gate.open();
  }

  #end(error: FxferError): void {
    this.#over ??= error;
    this.#outbox.failAll(this.#over);
    this.#first.reject(this.#over);
    this.#totals.reject(this.#over);
    this.#stop.abort();
    this.#link?.cut(this.#over);
    this.#work.open();
  }

  async #run(): Promise<void> {
    try {
      while (this.#over === undefined) {
        const outcome = await this.#outcome();
        if (outcome === undefined) continue;
        if (outcome.kind === "lost") await this.#lost(outcome.error);
        else if (outcome.kind === "fatal") this.#end(outcome.error);
        else this.#closed(outcome.totals);
      }
    } catch (error) {
      // Nothing above throws by design; if it does, callers must not wait for ever.
      this.#end(new FxferError("internal_error", "Cannot go on: client failed", { cause: error }));
    }
  }

  /** Waits for work and serves it over one connection; undefined: look again. */
  async #outcome(): Promise<Outcome | undefined> {
    if (this.#outbox.done) return { kind: "closed", totals: undefined };
    if (this.#dormant) {
      await this.#work.wait();
      return undefined;
    }
    this.#gaveUp = false;
    try {
      const { connection, greeting } = await dial(
        this.#route.address,
        askFor(this.#options, this, this.#attached),
        this.#now,
        this.#stop.signal,
      );
      this.#attach(greeting);
      return await this.#serve(connection);
    } catch (error) {
      return this.#refused(error);
    }
  }

  /** Nothing to do and nothing to keep: without a session an idle connection may end. */
  get #dormant(): boolean {
    return this.#attached && this.#outbox.idle && (this.#gaveUp || this.mode === "stateless");
  }

  #attach(greeting: Greeting): void {
    const { terms } = greeting;
    const resumed = greeting.kind === "session" && greeting.resumption !== undefined;
    this.terms = terms;
    this.#attached = true;
    this.#route.arrived();
    if (greeting.kind === "session") {
      this.sessionId = greeting.id;
      this.token = greeting.token ?? (resumed ? this.token : undefined);
    } else {
      this.sessionId = null;
      this.token = undefined;
      this.mode = "stateless";
      if (greeting.degraded !== undefined) {
        this.#emit({ type: "degraded", reason: greeting.degraded });
      }
    }
    const { mode, sessionId } = this;
    this.#emit({ type: "connected", mode, sessionId, resumed });
    if (greeting.kind === "session" && greeting.resumption !== undefined) {
      this.#outbox.resumed(greeting.terms, greeting.resumption);
    } else {
      this.#outbox.started(terms, mode);
    }
    this.#first.resolve();
  }

  async #serve(connection: ClientConnection): Promise<Outcome> {
    const { sessionId, mode, terms } = this;
    this.#link = new Link({
      connection,
      outbox: this.#outbox,
      transmitter: this.#transmitter,
      sender: { id: sessionId, mode },
      keepaliveMs: (terms?.keepaliveS ?? DEFAULT_KEEPALIVE_S) * 1000,
      now: this.#now,
      onEvent: (event) => this.#emit(event),
    });
    const running = this.#link.run();
    if (this.#over !== undefined) this.#link.cut(this.#over);
    const outcome = await running;
    this.#link = undefined;
    return outcome;
  }

  /** No connection came about: what that means. Undefined: try at once in another way. */
  #refused(error: unknown): Outcome | undefined {
    if (!(error instanceof FxferError)) throw error;
    const { code } = error;
    const turn = this.#route.turn(error);
    if (turn?.kind === "followed") {
      this.token = turn.ticket;
      return void this.#emit({ type: "moved", address: formatEndpoint(this.#route.address) });
    }
    if (turn !== undefined) return turn;
    if (code === "session_unknown" || code === "session_expired") return this.#sessionLost(error);
    const fatal = error instanceof NotVersion2 ? !this.#attached : error.class === "fatal";
    return { kind: fatal ? "fatal" : "lost", error };
  }

  /** The server let the session go: a new one is made, unless there was nothing left to do. */
  #sessionLost(error: FxferError): Outcome | undefined {
    const { sessionId } = this;
    if (sessionId === null) return { kind: "fatal", error };
    this.#emit({ type: "session_lost", sessionId, code: error.code });
    this.sessionId = null;
    this.token = undefined;
    this.#route.restart();
    return this.#outbox.closingOnly ? { kind: "closed", totals: undefined } : undefined;
  }

  /** A connection is gone or did not come about: a pause, or the end of patience. */
  async #lost(error: FxferError): Promise<void> {
    if (this.#over !== undefined) return;
    this.#emit({ type: "connection_lost", error });
    if (this.#outbox.done || this.#dormant) return;
    if (this.#outbox.progress !== this.#progressSeen) this.#failures = 0;
    this.#progressSeen = this.#outbox.progress;
    if (++this.#failures > this.#retries) return this.#giveUp(error);
    const { retry_after_ms: wanted } = error.fields;
    const random = (this.#options.random ?? Math.random)();
    const retryAfterMs = typeof wanted === "number" ? wanted : undefined;
    const delayMs = retryDelay(this.#failures, this.#backoff, random, retryAfterMs);
    this.#emit({ type: "retrying", attempt: this.#failures, delayMs, code: error.code });
    await pause(delayMs, this.#stop.signal);
  }

  /** Tries are used up: what waits is rejected; the next file starts counting anew. */
  #giveUp(last: FxferError): void {
    const code = last.class === "retry" ? last.code : "connection_lost";
    const error = new FxferError(code, `${last.message}; gave up after ${this.#failures} tries`, {
      fields: { ...last.fields, tries: this.#failures },
      cause: last,
    });
    this.#failures = 0;
    if (!this.#attached || this.#outbox.closing) return this.#end(error);
    this.#outbox.failAll(error);
    this.#gaveUp = true;
  }

  #closed(totals: SessionTotals | undefined): void {
    this.#totals.resolve(totals);
    this.#end(new FxferError("interrupted", "Cannot send file: client is disconnected"));
  }

  #emit(event: ClientEvent): void {
    const { type, ...fields } = event;
    if (this.#log.enabled("debug")) {
      // The id of a session is half of what it takes to steal it: its first 8 characters tell enough.
      const short = "sessionId" in event ? { sessionId: event.sessionId?.slice(0, 8) } : {};
      this.#log.debug(`client.${type}`, { ...fields, ...short });
    }
    this.#options.onEvent?.(event);
  }
}
