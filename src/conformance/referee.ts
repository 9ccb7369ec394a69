/**
 * A small server that judges clients: it keeps everything in memory, does what a check tells it to do
 * wrong to the client, and remembers each frame that came. It reads and writes frames from the contract
 * alone.
 *
 * @module
 */
import type { Json } from "./probe_client.ts";
import { RefereeMemory, type SeenFrame } from "./referee_memory.ts";
import { checkHeader, encodeAnswer, Input, Over, parse } from "./referee_wire.ts";

/** What a check does to a frame instead of, or after, serving it. */
export type Mischief =
  /** Reads so many bytes of the payload, keeps them, and closes the connection. */
  | { readonly cutAt: number }
  /** Refuses the frame with this session data; the payload is read away. */
  | { readonly refuse: Json }
  /** Waits so many milliseconds before the reply; a frame that comes meanwhile is a fault. */
  | { readonly watch: number }
  /** Serves the frame and closes the connection without a reply. */
  | { readonly lose: true }
  /** Serves the frame, answers it, then sends a notice and closes the connection. */
  | { readonly notice: Json };

/** How a referee behaves; an absent field means: like an ordinary server. */
export interface Behaviour {
  /** Asked for each frame when its header and session data are here. */
  readonly mischief?: (frame: SeenFrame, referee: Referee) => Mischief | undefined;
  /** Changes the terms of a connect. */
  readonly terms?: Json;
  /** Fields put into every reply, beside the known ones. */
  readonly extra?: Json;
  /** The version in replies. @default {"2.0"} */
  readonly version?: string;
  /** Sends replies one byte at a time. */
  readonly drip?: boolean;
}

/** Serves on a free port of 127.0.0.1 until it is disposed of. */
export class Referee implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #behaviour: Behaviour;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  readonly #serving = new Set<Promise<void>>();
  /** Every frame, in the order of arrival. */
  readonly frames: SeenFrame[] = [];
  /** What was stored, and what was wrong. */
  readonly memory: RefereeMemory;
  #connections = 0;

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = behaviour;
    this.memory = new RefereeMemory(behaviour.terms);
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** How many connections were opened so far. */
  get connections(): number {
    return this.#connections;
  }

  /** The frames with an action. */
  framesOf(action: string): SeenFrame[] {
    return this.frames.filter(({ header }) => header.session.action === action);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) conn.close();
    this.#open.clear();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    try {
      while (true) {
        const conn = await this.#listener.accept();
        this.#open.add(conn);
        const served = this.#serve(conn, ++this.#connections);
        this.#serving.add(served);
        served.finally(() => this.#serving.delete(served));
      }
    } catch {
      // The listener is closed.
    }
  }

  async #serve(conn: Deno.TcpConn, connection: number): Promise<void> {
    const input = new Input(conn);
    try {
      while (await this.#frame(conn, input, connection));
    } catch (error) {
      if (
        error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError
      ) {
        this.memory.faults.push(`a frame that cannot be read: ${error.message}`);
      }
    } finally {
      if (this.#open.delete(conn)) conn.close();
    }
  }

  /** One frame and its reply; false when the connection is over. */
  async #frame(conn: Deno.TcpConn, input: Input, connection: number): Promise<boolean> {
    const line = await input.line();
    if (line === undefined) return false;
    const header: Json = parse(line);
    checkHeader(header);
    const dataSize = header.session.data_size ?? 0;
    const data: Json = dataSize === 0 ? {} : parse(await input.take(dataSize));
    const frame: SeenFrame = { connection, header, data, arrived: 0, at: performance.now() };
    this.frames.push(frame);
    const mischief = this.#behaviour.mischief?.(frame, this);
    const cutAt = mischief !== undefined && "cutAt" in mischief ? mischief.cutAt : undefined;
    const refusal = mischief !== undefined && "refuse" in mischief ? mischief.refuse : undefined;

    const before = refusal ?? this.memory.judge(frame);
    const pieces: Uint8Array[] = [];
    const wanted = Math.min(header.size, cutAt ?? header.size);
    while (frame.arrived < wanted) {
      const piece = await input.some(wanted - frame.arrived);
      frame.arrived += piece.length;
      pieces.push(piece);
    }
    if (before === undefined && header.session.action === "transfer") {
      this.memory.receive(frame, pieces);
    }
    if (cutAt !== undefined) throw new Over();
    const reply = before ?? await this.memory.run(frame);
    if (mischief !== undefined && "watch" in mischief && await input.bringsWithin(mischief.watch)) {
      this.memory.faults.push("another frame before the reply, where max_inflight is 1");
    }
    if (mischief !== undefined && "lose" in mischief) throw new Over();
    const id = reply.id ?? header.session.id ?? null;
    await this.#write(conn, encodeAnswer(this.#behaviour, { ...header.session, id }, reply));
    if (mischief !== undefined && "notice" in mischief) {
      const notice = { ...header.session, id, action: "disconnect" };
      await this.#write(
        conn,
        encodeAnswer(this.#behaviour, notice, { ...mischief.notice, notice: true }),
      );
      await conn.closeWrite();
      await input.readAway();
      return false;
    }
    return reply.code !== "session_closed";
  }

  async #write(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
    conn.setNoDelay(true);
    const step = this.#behaviour.drip ? 1 : bytes.length;
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at, at + step));
  }
}
