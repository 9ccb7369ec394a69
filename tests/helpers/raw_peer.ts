/**
 * The raw client of tests and benchmarks: sends any bytes, and reads replies as JSON, without a line of
 * src/protocol or src/client. (src/conformance has one of its own, since it is part of the program;
 * src/bench has one that is too fast to parse replies.)
 *
 * @module
 */
import { LATE, within } from "../../src/within.ts";
import { concat, frame, type FrameParts, type Json, utf8 } from "./raw_frame.ts";

/** A reply or notice: its header line and its session data. */
export interface RawReply {
  readonly header: Json;
  readonly data: Json;
}

/** How long a test waits for an answer before it fails: generous, since CI machines are slow. */
const PATIENCE_MS = 10_000;

/** One connection to a server. Dispose it to close the socket. */
export class RawPeer implements Disposable {
  readonly #conn: Deno.TcpConn;
  #buffer: Uint8Array = new Uint8Array();
  #closed = false;
  /** The id of the session, once {@linkcode connect} got one. */
  id: string | null = null;
  /** The sequence number that {@linkcode transfer} gave out last. */
  sequence = 0;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** Opens a connection; a test reads as `using peer = await RawPeer.open(server)`. */
  static async open(to: { hostname?: string; port: number }): Promise<RawPeer> {
    const conn = await Deno.connect({ hostname: to.hostname ?? "127.0.0.1", port: to.port });
    conn.setNoDelay();
    return new RawPeer(conn);
  }

  /** Writes all of it. */
  async send(...parts: readonly (Uint8Array | string)[]): Promise<void> {
    const bytes = parts.length === 1 && parts[0] instanceof Uint8Array
      ? parts[0]
      : concat(...parts);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Sends the same bytes again and again; true once the server has taken none for so long. */
  async getsStuck(bytes: Uint8Array, quietMs: number, times: number): Promise<boolean> {
    let stuck = false;
    for (let sent = 0; !stuck && sent < times; sent++) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => resolve(true), quietMs);
      stuck = await Promise.race([this.send(bytes).then(() => false, () => false), promise]);
      clearTimeout(timer);
    }
    return stuck;
  }

  /** Sends a frame and reads one reply. */
  async request(parts: FrameParts): Promise<RawReply> {
    await this.send(frame(parts));
    return await this.reply();
  }

  /** Sends one whole file outside any session and reads its reply. */
  async stateless(payload: Uint8Array | string, data?: Json, mime?: string): Promise<RawReply> {
    return await this.request({
      payload,
      ...(data && { data }),
      ...(mime !== undefined && { mime }),
    });
  }

  /** Asks for a session, a new one or `id`; remembers the id it got. */
  async connect(data: Json = {}, id: string | null = null): Promise<RawReply> {
    const reply = await this.request({ action: "connect", mode: "stateful", id, data });
    if (reply.data.code === "session_created" || reply.data.code === "session_resumed") {
      this.id = reply.header.session.id;
      this.sequence = reply.data.next_sequence === undefined ? 0 : reply.data.next_sequence - 1;
    }
    return reply;
  }

  /** The bytes of a transfer in the session, under the next sequence unless one is given. */
  transfer(payload: Uint8Array | string, data?: Json, parts: FrameParts = {}): Uint8Array {
    return frame({
      action: "transfer",
      mode: "stateful",
      id: this.id,
      sequence: parts.sequence ?? ++this.sequence,
      payload,
      ...(data && { data }),
      ...parts,
    });
  }

  /** Sends a transfer and reads its reply. */
  async upload(
    payload: Uint8Array | string,
    data?: Json,
    parts: FrameParts = {},
  ): Promise<RawReply> {
    await this.send(this.transfer(payload, data, parts));
    return await this.reply();
  }

  /** Sends a heartbeat, which repeats the last sequence number, and reads its reply. */
  async heartbeat(): Promise<RawReply> {
    const { id, sequence } = this;
    return await this.request({ action: "heartbeat", mode: "stateful", id, sequence });
  }

  /** Ends the session and reads the reply. */
  async disconnect(sequence: number = ++this.sequence): Promise<RawReply> {
    return await this.request({ action: "disconnect", mode: "stateful", id: this.id, sequence });
  }

  /** Reads one reply or notice; throws when the connection ends or nothing comes in time. */
  async reply(timeoutMs: number = PATIENCE_MS): Promise<RawReply> {
    const line = await this.#within(timeoutMs, () => this.#line());
    const header = JSON.parse(line);
    const size = header.session?.data_size;
    if (!Number.isInteger(size)) throw new Error(`Cannot read reply: no data_size in ${line}`);
    const data = await this.#within(timeoutMs, () => this.#take(size));
    return { header, data: JSON.parse(new TextDecoder().decode(data)) };
  }

  /** Reads the payload of a reply, which is in its header's `size`. */
  async payload({ header }: RawReply, timeoutMs: number = PATIENCE_MS): Promise<Uint8Array> {
    return await this.#within(timeoutMs, () => this.#take(header.size));
  }

  /** Sends a frame of version 2.1 and reads one reply. */
  async ask(action: string, data: Json, parts: FrameParts = {}): Promise<RawReply> {
    return await this.request({ action, data, header: { version: "2.1" }, ...parts });
  }

  /** Reads one line, for v1 results. */
  async line(timeoutMs: number = PATIENCE_MS): Promise<string> {
    return await this.#within(timeoutMs, () => this.#line());
  }

  /** Reads what comes until the server has closed, as text; a reset counts as an end. */
  async rest(timeoutMs?: number): Promise<string> {
    return new TextDecoder().decode(await this.bytesToEnd(timeoutMs));
  }

  /** Reads what comes until the server has closed; a reset counts as an end. */
  async bytesToEnd(timeoutMs: number = PATIENCE_MS): Promise<Uint8Array> {
    await this.#within(timeoutMs, async () => {
      try {
        while (await this.#more());
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      }
    });
    const bytes = this.#buffer;
    this.#buffer = new Uint8Array();
    return bytes;
  }

  /** Every reply up to the end of the connection. */
  async replies(): Promise<RawReply[]> {
    this.#buffer = utf8(await this.rest());
    const all: RawReply[] = [];
    while (this.#buffer.length > 0) all.push(await this.reply());
    return all;
  }

  /** Ends the writing half: the server reads the end and can still answer. */
  async halfClose(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Closes the socket; what was not read is lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #line(): Promise<string> {
    let searched = 0;
    while (true) {
      const at = this.#buffer.indexOf(10, searched);
      if (at >= 0) return new TextDecoder().decode((await this.#take(at + 1)).subarray(0, at));
      searched = this.#buffer.length;
      if (!await this.#more()) throw new Error("Cannot read reply: the server closed");
    }
  }

  async #take(size: number): Promise<Uint8Array> {
    while (this.#buffer.length < size) {
      if (!await this.#more()) throw new Error("Cannot read reply: the server closed inside it");
    }
    const taken = this.#buffer.slice(0, size);
    this.#buffer = this.#buffer.slice(size);
    return taken;
  }

  /** Reads once; false at the end. */
  async #more(): Promise<boolean> {
    if (this.#closed) return false;
    const chunk = new Uint8Array(65536);
    const n = await this.#conn.read(chunk);
    if (n === null) return false;
    this.#buffer = concat(this.#buffer, chunk.subarray(0, n));
    return true;
  }

  /** A read that never ends would stop the whole test run: after a time the socket is closed under it. */
  async #within<T>(timeoutMs: number, read: () => Promise<T>): Promise<T> {
    const value = await within(timeoutMs, read());
    if (value !== LATE) return value;
    this.close();
    throw new Error(`Cannot read from the server: nothing came within ${timeoutMs} ms`);
  }
}
