/** Keeps a session over one connection after another. @module */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { Mode } from "../protocol/mod.ts";
import { pause } from "../within.ts";
import type { Call } from "./call.ts";
import { gaveUp } from "./client_errors.ts";
import { ConnectionRunner } from "./connection_runner.ts";
import { CurrentServer } from "./current_server.ts";
import { type EarlyOpening, EarlyStart, type OpenedParts, TermsChanged } from "./early.ts";
import { type HandshakeReply, handshakeRequest, NotVersion2, openConnection } from "./handshake.ts";
import type { ResolvedOptions } from "./options.ts";
import type { OutgoingFile } from "./outgoing_file.ts";
import type { OutgoingFiles } from "./outgoing_files.ts";
import { confirmedTotals } from "./replies.ts";
import type { ConnectionEnd } from "./requests.ts";
import { SendQueue } from "./send_queue.ts";
import { Transmitter } from "./transmitter.ts";
import type { SessionTotals, Terms } from "./terms.ts";
import type { ConnectOptions } from "./types.ts";

/**
 * Connects, shakes hands, lets a connection runner work until the connection ends, and connects again. It
 * stops when the program closes the client, when the server refuses for good, or after too many tries
 * without progress. `connect` makes one for each client.
 */
export class SessionManager {
  sessionId: string | null;
  token: string | undefined;
  terms: Terms | undefined;
  mode: Mode;
  readonly #options: ConnectOptions;
  readonly #resolved: ResolvedOptions;
  readonly #server: CurrentServer;
  readonly #queue: SendQueue;
  /** The files without a result. */
  readonly files: OutgoingFiles;
  readonly #transmitter: Transmitter;
  readonly #stop = new AbortController();
  readonly #firstConnect = Promise.withResolvers<void>();
  readonly #totals = Promise.withResolvers<SessionTotals | undefined>();
  #runner: ConnectionRunner | undefined;
  #attached = false; // whether this client ever had a connection that could be used
  readonly #early: EarlyStart;
  /** Tries in a row without progress. */
  #failures = 0;
  /** Whether the tries are used up: the manager connects again only for a new file. */
  #gaveUp = false;
  /** Why nothing can be sent any more. */
  #over: FxferError | undefined;
  #running: Promise<void> | undefined;

  /** @throws {RangeError} If one of `trustedServers` is not `host:port`. */
  constructor(options: ConnectOptions, resolved: ResolvedOptions, home: Endpoint) {
    this.#options = options;
    this.#resolved = resolved;
    this.#server = new CurrentServer(home, options.trustedServers ?? []);
    this.sessionId = options.sessionId ?? null;
    this.token = options.token;
    this.mode = options.mode === "stateless" ? "stateless" : "stateful";
    this.#early = new EarlyStart(options);
    this.#queue = new SendQueue(resolved);
    this.files = this.#queue.files;
    this.#transmitter = new Transmitter(resolved.now, resolved.pace);
    // A rejection of a promise that no program waits for must not end the process.
    for (const { promise } of [this.#totals, this.#firstConnect]) promise.catch(() => {});
  }

  /** The server that has the session. */
  get address(): Endpoint {
    return this.#server.address;
  }

  /** Connects for the first time, and waits for the answer if it must. @throws {FxferError} The error that ended the client. */
  async start(): Promise<void> {
    this.#running = this.#run();
    try {
      await this.#firstConnect.promise;
    } catch (error) {
      await this.#running;
      throw error;
    }
  }

  /** Adds a file behind the others; the file's `result` tells how it ended. */
  add(file: OutgoingFile): void {
    if (this.#over !== undefined) return file.fail(this.#over);
    this.#queue.add(file);
  }

  /** Adds a call behind the others; the call's `result` tells how it ended. */
  ask(call: Call): void {
    if (this.#over !== undefined) return call.fail(this.#over);
    this.#queue.calls.add(call);
    // Whoever waits for the end of all calls has to look again.
    call.result.catch(() => {}).finally(this.#queue.wake);
    this.#queue.wake();
  }

  /** The program gave a file up. If that cuts a frame short, the connection is of no more use. */
  abandon(file: OutgoingFile, error: FxferError): void {
    const insideFrame = file.sending;
    file.fail(error);
    if (insideFrame) this.#runner?.cut(error, true);
    this.#queue.wake();
  }

  /** Ends the session after the files under way (S-DIS-1). */
  async disconnect(): Promise<SessionTotals | undefined> {
    if (this.#over !== undefined) throw this.#over;
    this.#queue.closing = true;
    this.#queue.wake();
    const totals = await this.#totals.promise;
    await this.#running;
    return totals;
  }

  /** Ends the client at once; the session stays on the server. Resolves when nothing is open. */
  async stop(error: FxferError): Promise<void> {
    this.#end(error);
    await this.#running;
  }

  #end(error: FxferError): void {
    this.#over ??= error;
    this.files.end(this.#over);
    this.#queue.calls.failAll(this.#over);
    this.#firstConnect.reject(this.#over);
    this.#totals.reject(this.#over);
    this.#stop.abort();
    this.#runner?.cut(this.#over);
    this.#queue.wake();
  }

  async #run(): Promise<void> {
    try {
      while (this.#over === undefined) {
        const end = await this.#oneConnection();
        if (end === undefined) continue;
        if (end.kind === "lost") await this.#lost(end);
        else if (end.kind === "fatal") this.#end(end.error);
        else {
          await this.files.allConfirmed();
          this.#totals.resolve(end.totals);
          this.#end(new FxferError("interrupted", "Cannot send file: client is disconnected"));
        }
      }
    } catch (error) {
      // No step above is expected to throw. If one does, callers must not wait for ever.
      this.#end(new FxferError("internal_error", "Cannot go on: client failed", { cause: error }));
    }
  }

  /** Makes one connection and works it to its end. Undefined: the next round decides what to do. */
  async #oneConnection(): Promise<ConnectionEnd | undefined> {
    if (this.#queue.done) return { kind: "closed", totals: undefined };
    if (this.#needsNoConnection) {
      await this.#queue.sleep();
      return undefined;
    }
    this.#gaveUp = false;
    try {
      // While a file waits for a session, the client asks for one again and again.
      const mode = this.files.needSession ? "stateful" : this.mode;
      const request = handshakeRequest(
        this.#options,
        { sessionId: this.sessionId, token: this.token, mode },
        this.#attached,
        !this.files.allNeedSession,
        this.#resolved.key,
      );
      const opening = await openConnection(
        this.#server.address,
        request,
        this.#resolved,
        this.#stop.signal,
      );
      const early = this.#early.open(opening, this, this.#queue);
      this.#runner = new ConnectionRunner({
        ...this.#resolved,
        connection: opening.connection,
        queue: this.#queue,
        transmitter: this.#transmitter,
        ...(early === undefined ? this.#attach(await opening.reply()) : this.#goAhead(early)),
      });
      const running = this.#runner.run();
      // An event of the attach may have made the program close the client.
      if (this.#over !== undefined) this.#runner.cut(this.#over);
      const end = await running;
      const failure = early?.failure;
      if (!(failure instanceof TermsChanged)) return failure ? this.#refused(failure) : end;
      failure.applyTo(this, this.#queue);
    } catch (error) {
      return this.#refused(error);
    } finally {
      this.#runner = undefined;
    }
  }

  /** Whether there is nothing to send now, and no session that a connection would keep alive. */
  get #needsNoConnection(): boolean {
    if (!this.#attached) return false;
    const { idle, files, calls } = this.#queue;
    if (this.mode === "stateful") return idle && this.#gaveUp;
    return idle || files.waitForSource && calls.allDecided;
  }

  /** Lets requests go out before the connect is answered (S-CON-9). */
  #goAhead(early: EarlyOpening): OpenedParts {
    const { terms, next: nextSequence } = early;
    this.terms ??= this.#options.knownTerms;
    if (nextSequence === undefined) this.#queue.started(terms, this.mode);
    else this.#queue.resumed(terms, { nextSequence, openFile: undefined });
    this.#firstConnect.resolve();
    return early.parts((answer) => this.#attach(answer, true));
  }

  /** @param wentAhead Whether requests have gone out already. */
  #attach(
    { terms, sessionId, token, resumption, degraded, roundTripMs }: HandshakeReply,
    wentAhead = false,
  ): OpenedParts {
    const { emit } = this.#resolved;
    const resumed = resumption !== undefined;
    this.terms = terms;
    this.#attached = true;
    this.#server.arrived();
    this.sessionId = sessionId;
    // The token of a resumed session stays the same, and the reply does not repeat it.
    this.token = token ?? (resumed ? this.token : undefined);
    this.mode = sessionId === null ? "stateless" : "stateful";
    if (degraded !== undefined) emit({ type: "degraded", reason: degraded });
    const facts = omitUndefined({ openUploadId: resumption?.openFile?.uploadId, roundTripMs });
    emit({ type: "connected", mode: this.mode, sessionId, resumed, ...facts });
    if (wentAhead) this.#queue.opened(terms);
    else if (resumed) this.#queue.resumed(terms, resumption);
    else this.#queue.started(terms, this.mode, degraded);
    this.#queue.connected(roundTripMs);
    this.#firstConnect.resolve();
    return {
      session: { id: sessionId, mode: this.mode, sealed: terms.mac },
      keepaliveMs: terms.keepaliveS * 1000,
    };
  }

  /** What it means that no connection could be made; undefined: try another way at once. */
  #refused(error: unknown): ConnectionEnd | undefined {
    if (!(error instanceof FxferError)) throw error;
    const { code } = error;
    const redirection = this.#server.redirect(error);
    if (redirection?.kind === "followed") {
      this.token = redirection.ticket;
      this.#resolved.emit({ type: "moved", address: formatEndpoint(this.#server.address) });
      return undefined;
    }
    if (redirection !== undefined) return redirection;
    if (code === "session_unknown" || code === "session_expired") return this.#sessionLost(error);
    // A client that had a connection waits for its server; before that such a mistake is final at once.
    const isMistake = error instanceof NotVersion2 || error.fields.reason === "not_found";
    const fatal = isMistake ? !this.#attached : error.class === "fatal" || code === "local_io";
    return { kind: fatal ? "fatal" : "lost", error };
  }

  /** The server no longer has the session: the client asks for a new one, unless all is done. */
  #sessionLost(error: FxferError): ConnectionEnd | undefined {
    const { sessionId } = this;
    if (sessionId === null) return { kind: "fatal", error };
    this.#resolved.emit({ type: "session_lost", sessionId, code: error.code });
    this.sessionId = null;
    this.token = undefined;
    this.#server.restart();
    return this.#queue.onlyClosing ? { kind: "closed", totals: confirmedTotals(error) } : undefined;
  }

  /** A connection was lost, or none could be made: waits before the next try, or gives up. */
  async #lost({ error, byClient }: Extract<ConnectionEnd, { kind: "lost" }>): Promise<void> {
    if (this.#over !== undefined) return;
    const { retries, retryDelayMs, emit } = this.#resolved;
    emit({ type: "connection_lost", error });
    if (byClient || this.#queue.done || this.#needsNoConnection) return;
    if (this.#queue.progressed) this.#failures = 0;
    this.#queue.progressed = false;
    if (++this.#failures > retries) return this.#giveUp(error);
    const { retry_after_ms: ms } = error.fields;
    const delayMs = retryDelayMs(this.#failures, typeof ms === "number" ? ms : undefined);
    emit({ type: "retrying", attempt: this.#failures, delayMs, code: error.code, error });
    await pause(delayMs, this.#stop.signal);
  }

  /** The tries are used up: every file is rejected. A file that comes later has all tries again. */
  #giveUp(last: FxferError): void {
    const error = gaveUp(last, this.#failures);
    this.#failures = 0;
    if (!this.#attached || this.#queue.closing) return this.#end(error);
    this.files.failAll(error);
    this.#queue.calls.failAll(error);
    this.#gaveUp = true;
  }
}
