/** A TCP balancer in the test's process: every connection goes to a server that is up. @module */

/** Where a server listens. */
export interface Target {
  readonly port: number;
}

/** Forwards bytes both ways. Dispose it to close all connections. */
export class Balancer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #done: Promise<void>;
  /** The servers that are up; connections are dealt out in turn. */
  targets: Target[] = [];
  /** Bytes forwarded to servers so far. */
  bytes = 0;
  #turn = 0;
  #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];

  constructor() {
    this.#done = this.#accept();
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Settles when so many more bytes have been forwarded to servers. */
  async after(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes: this.bytes + bytes, resolve });
    await promise;
  }

  async #accept(): Promise<void> {
    const running = new Set<Promise<void>>();
    for (;;) {
      let conn: Deno.Conn;
      try {
        conn = await this.#listener.accept();
      } catch {
        break;
      }
      const serving = this.#serve(conn).finally(() => running.delete(serving));
      running.add(serving);
    }
    await Promise.all(running);
  }

  async #serve(client: Deno.Conn): Promise<void> {
    this.#open.add(client);
    let server: Deno.Conn | undefined;
    try {
      const target = this.targets[this.#turn++ % this.targets.length];
      if (target === undefined) return;
      server = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
      this.#open.add(server);
      await Promise.all([
        this.#copy(client, server, (count) => this.#count(count)),
        this.#copy(server, client, () => {}),
      ]);
    } catch {
      // One end is gone, and so is the other.
    } finally {
      this.#close(client);
      if (server !== undefined) this.#close(server);
    }
  }

  async #copy(from: Deno.Conn, to: Deno.Conn, note: (count: number) => void): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
        note(count);
      }
      await to.closeWrite();
    } catch (error) {
      this.#close(from);
      this.#close(to);
      throw error;
    }
  }

  #count(bytes: number): void {
    this.bytes += bytes;
    const due = this.#waiting.filter((each) => each.bytes <= this.bytes);
    this.#waiting = this.#waiting.filter((each) => each.bytes > this.bytes);
    for (const { resolve } of due) resolve();
  }

  #close(conn: Deno.Conn): void {
    if (!this.#open.delete(conn)) return;
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of [...this.#open]) this.#close(conn);
    await this.#done;
  }
}
