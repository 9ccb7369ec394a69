/** The client as a program sees it: `connect` and the object that it returns. @module */
import { type Endpoint, parseHost } from "../address.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { type FileInfo, MAX_LIST_LIMIT } from "../protocol/mod.ts";
import type { Call } from "./call.ts";
import { interrupted } from "./client_errors.ts";
import { FetchCall } from "./fetch_call.ts";
import { NotVersion2, usesTls } from "./handshake.ts";
import { Circle, ListCall, type ListPage, RemoveCall } from "./list_remove.ts";
import { type ResolvedOptions, resolveOptions } from "./options.ts";
import { OutgoingFile } from "./outgoing_file.ts";
import { SessionManager } from "./session_manager.ts";
import type {
  FetchOptions,
  FetchResult,
  FetchSink,
  ListOptions,
  RemoveResult,
  StoredName,
} from "./stored_types.ts";
import type { SessionTotals, Terms } from "./terms.ts";
import type { Source, SourceInput } from "./source.ts";
import type { Client, ConnectOptions, SendOptions, SendResult } from "./types.ts";
import { V1Sender } from "./v1_sender.ts";

/** So many pages of a list are asked for at once at most: 4 MiB. */
const MAX_PAGES_AHEAD = 64;

/** What does the work behind a client. */
type Engine = SessionManager | V1Sender;

class ConnectedClient implements Client {
  readonly #engine: Engine;
  readonly #emit: ResolvedOptions["emit"];
  readonly #onEnd: () => void;

  /** @param onEnd Called when the client is disconnected or closed. */
  constructor(engine: Engine, emit: ResolvedOptions["emit"], onEnd: () => void) {
    this.#engine = engine;
    this.#emit = emit;
    this.#onEnd = onEnd;
  }

  get mode(): "stateful" | "stateless" | "v1" {
    return this.#engine.mode;
  }
  get sessionId(): string | null {
    return this.#engine.sessionId;
  }
  get token(): string | undefined {
    return this.#engine.token;
  }
  get address(): Endpoint {
    return this.#engine.address;
  }
  get terms(): Terms | undefined {
    return this.#engine.terms;
  }

  send(source: SourceInput, options: SendOptions = {}): Promise<SendResult> {
    let file: OutgoingFile;
    try {
      file = new OutgoingFile(source, options, this.#emit);
    } catch (error) {
      discard(source);
      return Promise.reject(error);
    }
    if (options.signal !== undefined) return this.#sendUnlessAborted(file, options.signal);
    this.#engine.add(file);
    return file.result;
  }

  get busy(): boolean {
    return this.#engine.files.areMany;
  }

  ready(): Promise<void> {
    return this.#engine.files.ready();
  }

  async #sendUnlessAborted(file: OutgoingFile, signal: AbortSignal): Promise<SendResult> {
    const abandon = () => this.#engine.abandon(file, interrupted(signal.reason));
    signal.addEventListener("abort", abandon);
    try {
      if (signal.aborted) abandon();
      else this.#engine.add(file);
      return await file.result;
    } finally {
      signal.removeEventListener("abort", abandon);
    }
  }

  async *list(
    { pageSize = MAX_LIST_LIMIT, pagesAhead = 1, signal, ...wanted }: ListOptions = {},
  ): AsyncGenerator<FileInfo> {
    mustBeFrom("pageSize", pageSize, MAX_LIST_LIMIT);
    mustBeFrom("pagesAhead", pagesAhead, MAX_PAGES_AHEAD);
    const which = omitUndefined({ order: "newest" as const, ...wanted, limit: pageSize });
    const asked: { readonly call: ListCall; readonly page: Promise<ListPage> }[] = [];
    const ask = () => {
      const call = new ListCall(which, asked.at(-1)?.call);
      const page = this.#ask(call, signal);
      page.catch(() => {});
      asked.push({ call, page });
    };
    // A program that looks at one file at a time may want no more of them.
    const most = pageSize === 1 ? 1 : pagesAhead + 1;
    const circle = new Circle();
    try {
      for (let count = 0; count < Math.min(most, pagesAhead); count++) ask();
      for (;;) {
        const { files, next } = await asked[0]!.page;
        if (next !== undefined) circle.pass(next);
        // The pages behind are on their way while the program deals with this one.
        if (next !== undefined && asked.length < most) ask();
        yield* files;
        if (next === undefined) return;
        if (asked.length === 1) ask();
        asked.shift();
      }
    } finally {
      // A program that wants no more pages does not wait for one.
      for (const { call } of asked) call.fail(interrupted(undefined));
    }
  }

  async fetch(file: StoredName, sink: FetchSink, options: FetchOptions = {}): Promise<FetchResult> {
    const call = new FetchCall(file, sink, options);
    const before = call.prepare();
    const { signal } = options;
    return await (signal === undefined && before === undefined
      ? this.#askNow(call)
      : this.#ask(call, signal, before));
  }

  async stored(file: StoredName): Promise<FileInfo | undefined> {
    try {
      return (await this.fetch(file, () => {}, { length: 0 })).file;
    } catch (error) {
      if (error instanceof FxferError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  remove(path: string): Promise<RemoveResult> {
    return this.#ask(new RemoveCall(path));
  }

  #askNow<T>(call: Call<T>): Promise<T> {
    this.#engine.ask(call);
    return call.result;
  }

  /** Asks once what must be done before has ended. */
  async #ask<T>(call: Call<T>, signal?: AbortSignal, before?: Promise<void>): Promise<T> {
    const abandon = () => call.fail(interrupted(signal!.reason));
    signal?.addEventListener("abort", abandon);
    try {
      if (signal?.aborted) abandon();
      if (before !== undefined) await Promise.race([before, call.result]);
      if (!call.decided) this.#engine.ask(call);
      return await call.result;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  async disconnect(): Promise<SessionTotals | undefined> {
    try {
      return await this.#engine.disconnect();
    } finally {
      this.#onEnd();
    }
  }

  close(): void {
    void this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onEnd();
    await this.#engine.stop(new FxferError("interrupted", "Cannot send file: client is closed"));
  }
}

/** Checks a number that a program gave. @throws {RangeError} If it is not an integer from 1 to `most`. */
function mustBeFrom(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new RangeError(`Cannot list: ${name} must be an integer from 1 to ${most}`);
}

/** Frees what a program gave to a send that cannot be. */
function discard(source: SourceInput): void {
  if (source instanceof ReadableStream) source.cancel().catch(() => {});
  else (source as Partial<Source> | undefined)?.close?.();
}

/**
 * Connects to a server. If the connection is lost later, the client connects again, and files under way
 * go on where the server has them.
 *
 * @returns A client; `await using` closes it and leaves its session to be resumed.
 * @throws {FxferError} The server's code if it refuses; `connection_lost` or the last `retry` code when
 * the tries are used up, with a {@linkcode LostReason} as its field `reason`, and at once for a name that
 * no host has; `unsupported_version` from a version 1 server without `allowV1`, or a server of another
 * kind; `unauthorized` from a server that `tls` does not verify; `local_io` if the program may not connect there; `interrupted` by the signal.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example
 * ```ts
 * import { connect } from "../../mod.ts";
 *
 * async function sendHello(port: number): Promise<string | undefined> {
 *   await using client = await connect({ port });
 *   const { file } = await client.send(new TextEncoder().encode("hello"), {
 *     name: "hello.txt",
 *     mimeType: "text/plain",
 *   });
 *   await client.disconnect();
 *   return file?.path;
 * }
 * console.assert(typeof sendHello === "function");
 * ```
 * @category Client
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const { port = usesTls(options) ? 65433 : 65432, signal } = options;
  const allowV1 = options.allowV1 === true && !usesTls(options); // S-TLS-3
  const hostname = parseHost(options.hostname ?? "127.0.0.1");
  if (hostname === undefined) {
    throw new RangeError("Cannot connect: hostname must be a name or an address, without a port");
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError("Cannot connect: port must be an integer from 1 to 65535");
  }
  const address = { hostname, port };
  const resolved = await resolveOptions(options);
  if (signal?.aborted) throw interrupted(signal.reason);
  if (options.mode === "v1") {
    if (!usesTls(options) && resolved.key === undefined) {
      return connectV1(address, resolved, signal);
    }
    throw new RangeError("Cannot connect: version 1 has neither TLS nor keys"); // S-TLS-3
  }
  const session = new SessionManager(options, resolved, address);
  const abort = () => void session.stop(interrupted(signal!.reason));
  const unlisten = () => signal?.removeEventListener("abort", abort);
  signal?.addEventListener("abort", abort);
  try {
    await session.start();
  } catch (error) {
    unlisten();
    const mayGoOn = allowV1 === true && resolved.key === undefined;
    if (!(error instanceof NotVersion2) || error.isOther || !mayGoOn) throw error;
    return connectV1(address, resolved, signal);
  }
  return new ConnectedClient(session, resolved.emit, unlisten);
}

/** Nothing is sent before the first file: version 1 has no other request. */
function connectV1(address: Endpoint, resolved: ResolvedOptions, signal?: AbortSignal): Client {
  const engine = new V1Sender(address, resolved);
  const abort = () => void engine.stop(interrupted(signal!.reason));
  signal?.addEventListener("abort", abort);
  resolved.emit({ type: "connected", mode: "v1", sessionId: null, resumed: false });
  return new ConnectedClient(
    engine,
    resolved.emit,
    () => signal?.removeEventListener("abort", abort),
  );
}
