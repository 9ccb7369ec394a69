/** Someone on the way between a client and a server: reads along, and changes what it likes. @module */

/** What becomes of bytes on their way; `at` counts those of this direction on this connection before them. */
export type Tamper = (bytes: Uint8Array, at: number, connection: number) => Uint8Array;

/** Forwards connections to a server, and keeps all bytes. Dispose it to end them. */
export class Wiretap implements AsyncDisposable {
  /** What clients have sent, by connection. */
  readonly sent: Uint8Array[][] = [];
  /** What the server has answered, by connection. */
  readonly answered: Uint8Array[][] = [];
  toServer: Tamper = (bytes) => bytes;
  toClient: Tamper = (bytes) => bytes;
  readonly #listener: Deno.TcpListener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #work: Promise<unknown>[] = [];

  constructor(readonly target: number) {
    this.#work.push(this.#accept());
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** All that a client has sent on a connection. */
  stream(connection = 0): Uint8Array {
    return new Uint8Array(this.sent[connection]!.flatMap((part) => [...part]));
  }

  async #accept(): Promise<void> {
    for (;;) {
      const conn = await this.#listener.accept().catch(() => undefined);
      if (conn === undefined) return;
      this.#work.push(this.#forward(conn, this.sent.length));
      this.sent.push([]);
      this.answered.push([]);
    }
  }

  async #forward(client: Deno.Conn, number: number): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
    for (const conn of [client, server]) this.#open.add(conn);
    await Promise.all([
      this.#pump(client, server, this.sent[number]!, (...args) => this.toServer(...args), number),
      this.#pump(
        server,
        client,
        this.answered[number]!,
        (...args) => this.toClient(...args),
        number,
      ),
    ]);
    for (const conn of [client, server]) this.#end(conn);
  }

  async #pump(
    from: Deno.Conn,
    to: Deno.Conn,
    kept: Uint8Array[],
    tamper: Tamper,
    number: number,
  ): Promise<void> {
    const buffer = new Uint8Array(65536);
    let at = 0;
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        const bytes = buffer.slice(0, count);
        kept.push(bytes);
        const changed = tamper(bytes.slice(), at, number);
        at += count;
        for (let done = 0; done < changed.length;) done += await to.write(changed.subarray(done));
      }
      await to.closeWrite();
    } catch {
      this.#end(from);
      this.#end(to);
    }
  }

  #end(conn: Deno.Conn): void {
    if (this.#open.delete(conn)) conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of [...this.#open]) this.#end(conn);
    await Promise.allSettled(this.#work);
  }
}
