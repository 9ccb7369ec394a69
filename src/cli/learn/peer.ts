/** A client that sends single frames, for lessons about what a frame does. @module */
import { Decoder, encodeRequest, type ReplyFrame, type RequestInit } from "../../protocol/mod.ts";

/** What a peer sends: a frame, of which a session's id and number have defaults. */
export type Frame = Pick<RequestInit, "action"> & Partial<RequestInit>;

/** One connection. */
export class Peer implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #decoder = new Decoder({ role: "client" });
  readonly #buffer = new Uint8Array(64 * 1024);
  readonly #replies: ReplyFrame[] = [];
  /** How many bytes have come. */
  received = 0;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async open(port: number): Promise<Peer> {
    return new Peer(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends a frame and waits for its reply; undefined if the connection ended without one. */
  async ask(frame: Frame, payload?: Uint8Array): Promise<ReplyFrame | undefined> {
    const head = encodeRequest({
      ...{ id: null, mode: "stateless", sequence: 1, version: "2.1" },
      ...{ size: payload?.length ?? 0, ...frame },
    });
    try {
      for (const part of [head, payload ?? new Uint8Array()]) {
        for (let at = 0; at < part.length;) at += await this.#conn.write(part.subarray(at));
      }
    } catch {
      // The connection has ended: what it still says is read below.
    }
    return await this.next();
  }

  /** The next reply or notice; undefined if the connection ended without one. */
  async next(): Promise<ReplyFrame | undefined> {
    while (this.#replies.length === 0) {
      const count = await this.#conn.read(this.#buffer).catch(() => null);
      if (count === null) return undefined;
      this.received += count;
      for (const event of this.#decoder.push(this.#buffer.subarray(0, count))) {
        if (event.type === "reply") this.#replies.push(event.reply);
      }
    }
    return this.#replies.shift();
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}
