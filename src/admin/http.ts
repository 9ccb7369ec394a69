/**
 * A small HTTP/1.1 server for operators and probes: one request a connection. It is as well guarded as
 * the port for files: an accept that fails (EMFILE) is tried again, so many connections are open at most,
 * of which a newcomer displaces the oldest, and each has a fixed time from its accept to its end. So
 * connections that say nothing take few handles and keep no probe waiting.
 *
 * `Deno.serve` was not chosen, because it accepts without these guards, and the first accept that fails
 * ends it.
 *
 * @module
 */
import { acceptEach } from "../accept.ts";
import { type Logger, silentLogger } from "../log.ts";
import {
  type HttpAnswer,
  HttpFault,
  type HttpRequest,
  readHead,
  readRequest,
} from "./http_request.ts";
import { LATE, within } from "../within.ts";

/** Answers a request. An error that it throws is answered 500 and logged. */
export type HttpHandler = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/** How much a listener bears. */
export interface HttpLimits {
  /** So many connections are open at most, besides those whose answer comes piece by piece. */
  readonly maxOpen: number;
  /** So many answers come piece by piece at most; one more is answered 503. */
  readonly maxStreams: number;
  /** A connection is closed after this time, unless its answer comes piece by piece. */
  readonly patienceMs: number;
  /** A reader that takes longer for one piece is cut off. */
  readonly pieceMs: number;
  /** A body is no longer than this, in bytes. */
  readonly maxBody: number;
}

/** The limits of a listener that answers probes. */
export const PROBE_LIMITS: HttpLimits = {
  maxOpen: 32,
  maxStreams: 0,
  patienceMs: 5000,
  pieceMs: 5000,
  maxBody: 0,
};

/** What is read away behind a request is no more than this, in bytes. */
const MAX_REST = 65_536;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  204: "No Content",
  303: "See Other",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  411: "Length Required",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** A running listener; dispose of it to close it and everything that is open on it. */
export class HttpServer implements AsyncDisposable {
  readonly #listener: Deno.Listener<Deno.TcpConn | Deno.TlsConn>;
  readonly #handler: HttpHandler;
  readonly #limits: HttpLimits;
  readonly #log: Logger;
  /** The open connections whose time runs, the oldest first. */
  readonly #open = new Set<Deno.Conn>();
  /** The connections whose answer comes piece by piece, with what ends it. */
  readonly #streams = new Map<Deno.Conn, AbortController>();
  /** The accept loop and what it has begun. None of them rejects. */
  readonly #work = new Set<Promise<void>>();

  /** Serves what `listener` accepts, and closes it in the end. */
  constructor(
    listener: Deno.Listener<Deno.TcpConn | Deno.TlsConn>,
    handler: HttpHandler,
    limits: HttpLimits,
    log: Logger = silentLogger,
  ) {
    this.#listener = listener;
    this.#handler = handler;
    this.#limits = limits;
    this.#log = log;
    const take = (conn: Deno.Conn) => this.#follow(this.#serve(conn));
    this.#follow(acceptEach(listener as Deno.TcpListener, take, log));
  }

  /** Closes the port and what is open on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) this.#drop(conn);
    for (const [conn, end] of this.#streams) {
      end.abort();
      this.#drop(conn);
    }
    await Promise.all(this.#work);
  }

  #follow(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** Answers the one request of a connection. Never rejects. */
  async #serve(conn: Deno.Conn): Promise<void> {
    const [oldest] = this.#open;
    if (this.#open.size >= this.#limits.maxOpen) this.#drop(oldest!);
    this.#open.add(conn);
    const timer = setTimeout(
      () => this.#open.has(conn) && this.#drop(conn),
      this.#limits.patienceMs,
    );
    try {
      const head = await readHead(conn);
      if (head === undefined) return;
      const [answer, bare] = await this.#answer(conn, head);
      await this.#send(conn, answer, bare);
      // Bytes that nobody has read when a socket is closed may take the answer with them.
      await conn.closeWrite();
      const rest = new Uint8Array(4096);
      for (let read = 0; read < MAX_REST;) {
        const count = await conn.read(rest);
        if (count === null) return;
        read += count;
      }
    } catch {
      // The peer has gone, or its time was over.
    } finally {
      clearTimeout(timer);
      this.#drop(conn);
    }
  }

  async #answer(
    conn: Deno.Conn,
    head: Awaited<ReturnType<typeof readHead>>,
  ): Promise<[HttpAnswer, bare: boolean]> {
    let bare = false;
    try {
      const request = await readRequest(conn, head!, this.#limits.maxBody);
      bare = request.method === "HEAD";
      return [await this.#handler(request), bare];
    } catch (error) {
      if (error instanceof HttpFault) return [error.answer(), bare];
      this.#log.error("admin.failed", { cause: error });
      return [new HttpFault(500, "the server failed").answer(), bare];
    }
  }

  async #send(
    conn: Deno.Conn,
    { status, headers, body }: HttpAnswer,
    bare: boolean,
  ): Promise<void> {
    const isStream = typeof body === "object" && !(body instanceof Uint8Array);
    if (isStream && this.#streams.size >= this.#limits.maxStreams) {
      void body[Symbol.asyncIterator]().return?.();
      const busy = new HttpFault(503, "too many are listening already");
      return await this.#send(conn, busy.answer(), bare);
    }
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const lines = [
      `HTTP/1.1 ${status} ${REASONS[status] ?? "Unknown"}`,
      "cache-control: no-store",
      // A kept connection would take a handle for nothing.
      "connection: close",
      ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
      ...isStream || headers?.["content-length"] !== undefined
        ? []
        : [`content-length: ${(bytes as Uint8Array | undefined)?.length ?? 0}`],
    ];
    const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
    await write(conn, head);
    if (bytes === undefined || bare) return;
    if (bytes instanceof Uint8Array) return await write(conn, bytes);
    await this.#stream(conn, bytes);
  }

  /** Sends an answer that comes piece by piece; only a reader that stands still ends it. */
  async #stream(conn: Deno.Conn, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const iterator = pieces[Symbol.asyncIterator]();
    const end = new AbortController();
    this.#open.delete(conn);
    this.#streams.set(conn, end);
    const over = Promise.withResolvers<void>();
    end.signal.addEventListener("abort", () => over.resolve());
    // The peer says nothing more: what comes is its end.
    const gone = conn.read(new Uint8Array(64)).then(() => {}, () => {});
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), over.promise, gone]);
        if (next === undefined || next.done) return;
        if (await within(this.#limits.pieceMs, write(conn, next.value)) === LATE) return;
      }
    } finally {
      void iterator.return?.();
      this.#drop(conn);
      await gone;
    }
  }

  #drop(conn: Deno.Conn): void {
    const held = this.#open.delete(conn);
    if (this.#streams.delete(conn) || held) conn[Symbol.dispose]();
  }
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await conn.write(rest));
}
