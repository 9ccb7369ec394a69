/** One connection of a load: writes ready frames, reads replies, counts bytes. @module */
import { controlFrame, Frames } from "./frames.ts";
import { ReplyScanner } from "./reply_scanner.ts";
import type { LoadPlan } from "./types.ts";

/** Thrown where a connection of a load cannot go on; `code` is counted. */
export class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** One connection; the caller must `close` it. */
export class LoadClient {
  sentBytes = 0;
  receivedBytes = 0;
  readonly #conn: Deno.TcpConn;
  readonly #scanner: ReplyScanner;
  #frames: Frames | undefined;
  #id: string | null = null;

  private constructor(conn: Deno.TcpConn, plan: LoadPlan) {
    this.#conn = conn;
    this.#scanner = new ReplyScanner(plan.wire);
  }

  /** Connects. @throws {Refused} `connection_lost`. */
  static async open(plan: LoadPlan): Promise<LoadClient> {
    const { hostname, port } = plan;
    try {
      const conn = await Deno.connect({ hostname, port });
      conn.setNoDelay(true);
      return new LoadClient(conn, plan);
    } catch {
      throw new Refused("connection_lost");
    }
  }

  /** Begins a session where the plan has one. @throws {Refused} The server's code. */
  async greet(plan: LoadPlan): Promise<void> {
    if (plan.wire === "stateful") {
      await this.#write(controlFrame("connect", null, 0));
      const code = await this.reply();
      if (code !== "session_created") throw new Refused(code);
      this.#id = this.#scanner.id;
    }
    this.#frames = new Frames(plan, this.#id);
  }

  async send(): Promise<void> {
    const frames = this.#frames!;
    await this.#write(frames.next());
    if (frames.rest > 0) {
      for (const piece of frames.pieces()) await this.#write(piece);
    }
  }

  /** The code of the next reply. @throws {Refused} `connection_lost`. */
  async reply(): Promise<string> {
    for (;;) {
      const code = this.#scanner.next();
      if (code !== undefined) return code;
      const room = this.#scanner.room();
      if (room.length === 0) throw new Refused("malformed_reply");
      const count = await this.#conn.read(room).catch(() => null);
      if (count === null) throw new Refused("connection_lost");
      this.receivedBytes += count;
      this.#scanner.filled(count);
    }
  }

  /** The code of a reply that came together with the last reply; undefined when there is none. */
  buffered(): string | undefined {
    return this.#scanner.next();
  }

  /** Ends the session, so that it does not count towards the server's limit (S-DIS-1). */
  async leave(): Promise<void> {
    if (this.#id === null) return;
    await this.#write(controlFrame("disconnect", this.#id, this.#frames!.made + 1));
    await this.reply();
  }

  /** Closes the connection; may be called at any time and more than once. */
  close(): void {
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
      }
      this.sentBytes += bytes.length;
    } catch {
      // The server may have sent a refusal before it stopped reading (S-TRF-8). Without a refusal the
      // read fails as well and says why.
      throw new Refused(await this.reply());
    }
  }
}
