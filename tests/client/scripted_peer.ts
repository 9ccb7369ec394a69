/**
 * A server that plays what a test tells it: each connection gets the next script.
 *
 * @module
 */
import {
  Decoder,
  encodeReply,
  type ReplyBody,
  type ReplyHeader,
  type RequestFrame,
  type TransferRequest,
} from "../../src/protocol/mod.ts";
import { sha256 } from "../helpers/files.ts";
import { LATE, within } from "../../src/within.ts";

export { code } from "../helpers/errors.ts";

/** One request with all of its payload. */
export interface Received<T extends RequestFrame = RequestFrame> {
  readonly frame: T;
  readonly payload: Uint8Array;
}

/** What a connection is to do; it is closed when the script ends. */
export type Script = (peer: PeerConnection) => Promise<void>;

/** One connection as its script sees it. */
export class PeerConnection {
  readonly #conn: Deno.TcpConn;
  readonly #decoder = new Decoder();
  readonly #buffer = new Uint8Array(64 * 1024);
  readonly #queue: Received[] = [];
  #frame: RequestFrame | undefined;
  #parts: Uint8Array[] = [];
  #sessionId: string | null = null;

  constructor(conn: Deno.TcpConn) {
    conn.setNoDelay(true);
    this.#conn = conn;
  }

  /** The next request; throws when the client has closed first. */
  async request(): Promise<Received> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) return next;
      if (!await this.#more()) throw new Error("Script wanted a request: client has closed");
    }
  }

  /** The next request, which must be a transfer. */
  async transfer(): Promise<Received<TransferRequest>> {
    const { frame, payload } = await this.request();
    if (frame.action !== "transfer") {
      throw new Error(`Script wanted a transfer, not ${frame.action}`);
    }
    return { frame, payload };
  }

  /** Reads at least so many bytes of the payload that comes next, and leaves the rest. */
  async partOfTransfer(bytes: number): Promise<TransferRequest> {
    const held = () => this.#parts.reduce((sum, part) => sum + part.length, 0);
    while (this.#frame?.action !== "transfer" || held() < bytes) {
      if (!await this.#more()) throw new Error("Script wanted payload: client has closed");
    }
    return this.#frame;
  }

  async #more(): Promise<boolean> {
    const count = await this.#conn.read(this.#buffer);
    if (count === null) return false;
    for (const event of this.#decoder.push(this.#buffer.subarray(0, count))) {
      if (event.type === "request") this.#frame = event.request;
      else if (event.type === "payload") this.#parts.push(event.bytes.slice());
      else if (event.type === "fault") throw event.error;
      else if (event.type === "end" && this.#frame !== undefined) {
        const payload = new Uint8Array(await new Blob(this.#parts as BlobPart[]).arrayBuffer());
        this.#queue.push({ frame: this.#frame, payload });
        this.#frame = undefined;
        this.#parts = [];
      }
    }
    return true;
  }

  /** Answers a request. */
  async reply({ frame }: Pick<Received, "frame">, body: ReplyBody, id?: string): Promise<void> {
    const { session } = frame.header;
    await this.send(encodeReply({ ...session, id: id ?? session.id }, body));
  }

  /** Answers a transfer as a server that stored it. */
  async stored(request: Received<TransferRequest>, extra: Partial<ReplyBody> = {}): Promise<void> {
    const { frame, payload } = request;
    const file = {
      path: `session_x/file_${frame.header.session.sequence}.bin`,
      size: payload.length,
      sha256: sha256(payload),
      mime_type: frame.header.mimeType,
    };
    await this.reply(request, { code: "ok", file, durability: "process", ...extra });
  }

  /** Takes the connect and answers it with a session. */
  async session(body: Partial<ReplyBody> = {}, id: string = SESSION_ID): Promise<Received> {
    const connect = await this.request();
    if (connect.frame.action !== "connect") throw new Error("Script wanted a connect");
    this.#sessionId = id;
    await this.reply(connect, { code: "session_created", keepalive_s: 30, ...body }, id);
    return connect;
  }

  /** Takes the connect and answers it as the resumption of an earlier session. */
  resumed(next_sequence: number, upload: unknown = null, body = {}): Promise<Received> {
    return this.session({ code: "session_resumed", next_sequence, upload, ...body });
  }

  /** Sends a notice. */
  async notice(body: ReplyBody): Promise<void> {
    const header: ReplyHeader = {
      id: this.#sessionId,
      mode: "stateful",
      sequence: 0,
      action: "disconnect",
    };
    await this.send(encodeReply(header, body));
  }

  /** Writes raw bytes. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Reads raw bytes until the client closes its half. */
  async rest(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const count = await this.#conn.read(this.#buffer);
      if (count === null) return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
      parts.push(this.#buffer.slice(0, count));
    }
  }

  /** Answers heartbeats until the client is gone. */
  async idle(): Promise<void> {
    for (;;) {
      const request = await this.request().catch(() => undefined);
      if (request === undefined) return;
      const isOver = request.frame.action === "disconnect";
      try {
        await this.reply(request, isOver ? { code: "session_closed", files: 0 } : { code: "pong" });
      } catch {
        return; // a client that has failed goes while its frames are still read here
      }
      if (isOver) return;
    }
  }

  /** Closes the writing half and waits for the client to close too. */
  async finish(): Promise<void> {
    await this.#conn.closeWrite();
    await this.rest().catch(() => {});
  }

  /** Closes at once. */
  close(): void {
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }
}

/** The session id that scripts give out. */
export const SESSION_ID = "6e2f6a86-2f8f-4cf4-9a3b-0c6d3f1f4a10";

/** Plays scripts, one a connection, in order; a connection too many is refused and fails the test. */
export class ScriptedPeer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<PeerConnection>();
  readonly #serving: Promise<void>;
  #failure: unknown;
  /** How many connections came. */
  connections = 0;

  constructor(...scripts: Script[]) {
    this.#serving = this.#serve(scripts);
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #serve(scripts: Script[]): Promise<void> {
    const running: Promise<void>[] = [];
    for (;;) {
      const conn = await this.#listener.accept().catch(() => undefined);
      if (conn === undefined) break;
      const script = scripts[this.connections++];
      const peer = new PeerConnection(conn as Deno.TcpConn);
      this.#open.add(peer);
      if (script === undefined) {
        this.#failure ??= new Error(
          `Connection ${this.connections} came: there is no script for it`,
        );
        peer.close();
        continue;
      }
      running.push(
        script(peer).catch((error) => {
          this.#failure ??= error;
        }).finally(() => peer.close()),
      );
    }
    await Promise.all(running);
  }

  /** Stops, and throws what went wrong in a script. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    if (await within(5000, this.#serving) === LATE) {
      this.#failure ??= new Error("A script did not end within 5 s of its client");
      for (const peer of this.#open) peer.close();
      await this.#serving;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff;
  return bytes;
}
