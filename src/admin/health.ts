/**
 * The health port: a listener of its own that answers two questions by HTTP/1.1, one request a
 * connection. It is as well guarded as the port for files: an accept that fails (EMFILE) is tried
 * again, at most {@linkcode MAX_OPEN} connections are open, of which a newcomer displaces the oldest,
 * and each has {@linkcode PATIENCE_MS} from its accept to its end. So connections that say nothing take
 * few handles and keep no probe waiting.
 *
 * @module
 */
import { acceptEach } from "../accept.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { Readiness } from "./readiness.ts";

/** Where {@linkcode Health} listens.
 * @category Server */
export interface HealthOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** So many connections are open at most. */
const MAX_OPEN = 32;

/** A connection is closed after this time, whatever it is doing. */
const PATIENCE_MS = 5000;

/** The request line and the header fields are no longer than this, in bytes. */
const MAX_HEAD = 8192;

/** What is read away behind a request, such as the body of a POST, is no more than this, in bytes. */
const MAX_REST = 65_536;

/**
 * A running health listener; dispose of it after the server has stopped.
 *
 * @example
 * ```ts
 * import { DiskStorage, Health, Readiness, serve } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   await using server = serve({ storage, port: 0 });
 *   const readiness = new Readiness({ server, storage });
 *   await using health = new Health({ hostname: "127.0.0.1", port: 0 }, readiness);
 *   const { status, body } = await fetch(`http://127.0.0.1:${health.addr.port}/readyz`);
 *   await body?.cancel();
 *   console.assert(status === 200);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Server
 */
export class Health implements AsyncDisposable {
  /** Where it listens. */
  readonly addr: Deno.NetAddr;
  readonly #listener: Deno.TcpListener;
  readonly #readiness: Pick<Readiness, "check">;
  /** The open connections, the oldest first. */
  readonly #open = new Set<Deno.TcpConn>();
  /** The accept loop and what it has begun. None of them rejects. */
  readonly #work = new Set<Promise<void>>();

  /** Starts to listen. @throws {Deno.errors.AddrInUse} The port is taken. */
  constructor(
    { hostname, port }: HealthOptions,
    readiness: Pick<Readiness, "check">,
    log: Logger = silentLogger,
  ) {
    this.#listener = Deno.listen({ hostname, port });
    this.#readiness = readiness;
    this.addr = this.#listener.addr as Deno.NetAddr;
    this.#follow(acceptEach(this.#listener, (conn) => this.#follow(this.#serve(conn)), log));
  }

  /** Closes the port and what is open on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) conn[Symbol.dispose]();
    await Promise.all(this.#work);
  }

  #follow(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** Answers the one request of a connection. Never rejects. */
  async #serve(conn: Deno.TcpConn): Promise<void> {
    const [oldest] = this.#open;
    if (this.#open.size >= MAX_OPEN) this.#drop(oldest!);
    this.#open.add(conn);
    const timer = setTimeout(() => this.#drop(conn), PATIENCE_MS);
    try {
      const head = await readHead(conn);
      if (head === undefined) return;
      await write(conn, await answer(head, this.#readiness));
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

  #drop(conn: Deno.TcpConn): void {
    if (this.#open.delete(conn)) conn[Symbol.dispose]();
  }
}

/** The request line and the fields, "" where they are too long; undefined if the peer ends before. */
async function readHead(conn: Deno.TcpConn): Promise<string | undefined> {
  const bytes = new Uint8Array(MAX_HEAD);
  for (let used = 0; used < MAX_HEAD;) {
    const count = await conn.read(bytes.subarray(used));
    if (count === null) return undefined;
    used += count;
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, used));
    const end = /\r?\n\r?\n/.exec(text);
    if (end !== null) return text.slice(0, end.index);
  }
  return "";
}

async function write(conn: Deno.TcpConn, text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}

async function answer(head: string, readiness: Pick<Readiness, "check">): Promise<string> {
  if (head === "") return say("431 Request Header Fields Too Large", { status: "unknown" });
  const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r?(?:\n|$)/.exec(head) ?? [];
  const path = target === undefined ? undefined : URL.parse(target, "http://health")?.pathname;
  if (path === undefined) return say("400 Bad Request", { status: "unknown" });
  const bare = method === "HEAD";
  if (path !== "/healthz" && path !== "/readyz") {
    return say("404 Not Found", { status: "unknown" }, bare);
  }
  if (method !== "GET" && method !== "HEAD") {
    return say("405 Method Not Allowed\r\nallow: GET, HEAD", { status: "unknown" });
  }
  if (path === "/healthz") return say("200 OK", { status: "alive" }, bare);
  const state = await readiness.check();
  return state.ready
    ? say("200 OK", { status: "ready" }, bare)
    : say("503 Service Unavailable", { status: "unready", reason: state.reason }, bare);
}

/** An answer as text. @param bare Without the body, whose length is told all the same. */
function say(status: string, body: Record<string, string>, bare = false): string {
  const json = JSON.stringify(body) + "\n"; // ASCII
  const lines = [
    `HTTP/1.1 ${status}`,
    "content-type: application/json",
    "cache-control: no-store",
    `content-length: ${json.length}`,
    // A probe comes every few seconds: its connection, if kept, would take a handle for nothing.
    "connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${bare ? "" : json}`;
}
