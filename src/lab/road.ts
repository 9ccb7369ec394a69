/** A road between clients and servers: it takes time, and it can lead to several servers. @module */

/** How long a piece may be that is read at once, in bytes. */
const PIECE = 64 * 1024;

/** How many bytes may be on the way in one direction; a long road holds more of them. */
const ON_THE_WAY = 16 * 1024 * 1024;

/** How a road is built. */
export interface RoadPlan {
  /** The port that the next connection is led to; a port that nobody listens on ends the connection. */
  readonly to: () => number;
  /** How long every byte is on its way, in milliseconds. @default {0} */
  readonly delayMs?: number;
}

/** Forwards connections from a port of 127.0.0.1. Bytes arrive late, and as fast as they were sent. */
export class Road implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #plan: RoadPlan;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #work = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(plan: RoadPlan) {
    this.#plan = plan;
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Breaks every connection; new ones are led where the plan says. */
  cut(): void {
    for (const conn of this.#open) close(conn);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      while (true) {
        const conn = await this.#listener.accept();
        const work = this.#lead(conn);
        this.#work.add(work);
        void work.finally(() => this.#work.delete(work));
      }
    } catch {
      // The listener is closed.
    }
  }

  async #lead(near: Deno.TcpConn): Promise<void> {
    this.#open.add(near);
    let far: Deno.TcpConn | undefined;
    try {
      far = await Deno.connect({ hostname: "127.0.0.1", port: this.#plan.to() });
      this.#open.add(far);
      near.setNoDelay(true);
      far.setNoDelay(true);
      await Promise.all([this.#forward(near, far), this.#forward(far, near)]);
    } catch {
      // One end is gone: the other one is told so by the end of its connection.
    } finally {
      for (const conn of [near, far]) {
        if (conn === undefined) continue;
        this.#open.delete(conn);
        close(conn);
      }
    }
  }

  async #forward(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const { delayMs = 0 } = this.#plan;
    const late = new DelayLine(delayMs);
    const writing = (async () => {
      for await (const bytes of late) {
        for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
      }
      await to.closeWrite();
    })();
    writing.catch(() => close(from));
    const buffer = new Uint8Array(PIECE);
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      await late.push(buffer.slice(0, count));
    }
    late.end();
    await writing;
  }
}

/** Pieces that come out, in order, so many milliseconds after they went in. */
class DelayLine implements AsyncIterable<Uint8Array> {
  readonly #delayMs: number;
  readonly #pieces: { readonly bytes: Uint8Array; readonly due: number }[] = [];
  #held = 0;
  #ended = false;
  #wake: () => void = () => {};

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Takes a piece; waits while too many bytes are on the way. */
  async push(bytes: Uint8Array): Promise<void> {
    this.#pieces.push({ bytes, due: performance.now() + this.#delayMs });
    this.#held += bytes.length;
    this.#wake();
    while (this.#held > ON_THE_WAY) await this.#change();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const [piece] = this.#pieces;
      if (piece === undefined) {
        if (this.#ended) return;
        await this.#change();
        continue;
      }
      const wait = piece.due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      this.#pieces.shift();
      this.#held -= piece.bytes.length;
      this.#wake();
      yield piece.bytes;
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        before();
        resolve();
      };
    });
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
