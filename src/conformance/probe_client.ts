/** A client that builds its frames as text, from the contract alone. @module */
import { LATE, within } from "../within.ts";

/** A JSON object of the wire. */
// deno-lint-ignore no-explicit-any
export type Json = Record<string, any>;

/** A reply or notice of the server: header and session data. */
export interface Answer {
  readonly header: Json;
  readonly data: Json;
  /** The header as it arrived, without its line feed. */
  readonly line: string;
  /** The session data as it arrived, with its line feed. */
  readonly text: string;
}

/** The parts of a frame. An absent part has the value that it has in the smallest stateless upload. */
export interface Parts {
  readonly action?: string;
  readonly mode?: string;
  readonly id?: string | null;
  readonly sequence?: number;
  readonly mime?: string;
  readonly data?: Json;
  readonly payload?: string;
  /** How many payload bytes the header announces, if not as many as `payload` has. */
  readonly size?: number;
  readonly version?: string;
  /** More fields for the header. */
  readonly extra?: Json;
}

/** A server that sends nothing for this long counts as one that does not answer. */
const PATIENCE_MS = 5000;

const encoder = new TextEncoder();

/** Writes a frame as text. The payloads of checks are ASCII, so characters are bytes. */
export function frame(parts: Parts): string {
  const data = parts.data === undefined ? "" : JSON.stringify(parts.data);
  const { payload = "" } = parts;
  const header = {
    version: parts.version ?? "2.0",
    mime_type: parts.mime ?? "text/plain",
    size: parts.size ?? payload.length,
    session: {
      id: parts.id ?? null,
      mode: parts.mode ?? "stateless",
      sequence: parts.sequence ?? 1,
      action: parts.action ?? "transfer",
      data_size: encoder.encode(data).length,
    },
    ...parts.extra,
  };
  return `${JSON.stringify(header)}\n${data}${payload}`;
}

/** One connection to the server under test. */
export class ProbeClient implements Disposable {
  readonly #conn: Deno.TcpConn;
  #rest: Uint8Array = new Uint8Array();
  #closed = false;
  #reading: Promise<boolean> | undefined;
  /** The id of the session that this connection is attached to. */
  id: string | null = null;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay();
  }

  static async open(address: { hostname: string; port: number }): Promise<ProbeClient> {
    return new ProbeClient(await Deno.connect(address));
  }

  /** Writes text as UTF-8, or bytes. */
  async send(what: string | Uint8Array): Promise<void> {
    const bytes = typeof what === "string" ? encoder.encode(what) : what;
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async ask(parts: Parts): Promise<Answer> {
    await this.send(frame(parts));
    return await this.answer();
  }

  /** Sends a stateful connect: for a new session, or for the session with this id. */
  async connect(data: Json = {}, id: string | null = null): Promise<Answer> {
    const answer = await this.ask({ action: "connect", mode: "stateful", sequence: 0, id, data });
    this.id = answer.header.session?.id ?? null;
    return answer;
  }

  /** Sends a transfer in the session of this connection. */
  async put(sequence: number, payload: string, data: Json = {}): Promise<Answer> {
    return await this.ask({ mode: "stateful", id: this.id, sequence, payload, data });
  }

  /** Reads the next reply or notice. @throws {Error} If none arrives, or what arrives is not one. */
  async answer(): Promise<Answer> {
    const line = await this.#take((bytes) => bytes.indexOf(10) + 1);
    const header: Json = JSON.parse(line);
    const size: number = header.session?.data_size ?? 0;
    const text = size === 0 ? "" : await this.#take((bytes) => bytes.length < size ? 0 : size);
    const data = text === "" ? {} : JSON.parse(text);
    return { header, data, line: line.slice(0, -1), text };
  }

  /** Reads the payload of an answer as text. */
  async payload({ header: { size } }: Answer): Promise<string> {
    return size === 0 ? "" : await this.#take((bytes) => bytes.length < size ? 0 : size);
  }

  /** Reads everything until the server closes. */
  async untilEnd(): Promise<string> {
    while (await this.#more());
    return new TextDecoder().decode(this.#rest);
  }

  /** Whether the server has closed; to be asked when all its replies have been read. */
  async ended(): Promise<boolean> {
    return !await this.#more();
  }

  /** Whether bytes arrive within a time. */
  async speaksWithin(ms: number): Promise<boolean> {
    return await within(ms, this.#more()) === true;
  }

  async halfClose(): Promise<void> {
    await this.#conn.closeWrite();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  async #take(length: (bytes: Uint8Array) => number): Promise<string> {
    let count: number;
    while ((count = length(this.#rest)) === 0) {
      if (!await this.#more()) throw new Error("the server closed the connection");
    }
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return new TextDecoder().decode(taken);
  }

  /** Reads once, or waits for the read that {@linkcode speaksWithin} has left; false at the end. */
  #more(): Promise<boolean> {
    return this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  async #read(): Promise<boolean> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await within(PATIENCE_MS, this.#conn.read(buffer).catch(() => null));
    if (count === LATE) throw new Error("no answer");
    if (count === null) return false;
    const joined = new Uint8Array(this.#rest.length + count);
    joined.set(this.#rest);
    joined.set(buffer.subarray(0, count), this.#rest.length);
    this.#rest = joined;
    return true;
  }
}
