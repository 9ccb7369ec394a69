/** A road to a server that holds its answers back, and counts how often a client waits for them. @module */

/** For how long an answer is held back: longer than a slow machine needs between two frames. */
const HELD_MS = 300;

/** A road that counts, for each connection, how often the client sends after it has heard something. */
export class Road implements AsyncDisposable {
  /** The flights of each connection. */
  readonly flights: number[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open: Promise<unknown>[] = [];
  readonly #accepting: Promise<void>;
  readonly #lost: (connection: number) => number;
  readonly #answer: (connection: number, answers: number) => boolean;

  /**
   * @param lost How many bytes of a client a connection carries before it is cut, by its number from 0.
   * @param answer Whether a connection carries another answer, by its number and how many came before.
   */
  constructor(
    server: { readonly port: number },
    lost: (connection: number) => number = () => Infinity,
    answer: (connection: number, answers: number) => boolean = () => true,
  ) {
    this.#lost = lost;
    this.#answer = answer;
    this.#accepting = this.#accept(server.port);
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  async #accept(port: number): Promise<void> {
    for (;;) {
      const client = await this.#listener.accept().catch(() => undefined);
      if (client === undefined) return;
      this.#open.push(this.#carry(client as Deno.TcpConn, port, this.flights.push(0) - 1));
    }
  }

  async #carry(client: Deno.TcpConn, port: number, index: number): Promise<void> {
    using near = client;
    using far = await Deno.connect({ hostname: "127.0.0.1", port });
    near.setNoDelay();
    far.setNoDelay();
    let heard = true;
    let carried = 0;
    let answers = 0;
    await Promise.all([
      pass(near, far, (count) => {
        if (heard) this.flights[index]!++;
        heard = false;
        carried += count;
        if (carried > this.#lost(index)) throw new Error("The road ends");
      }),
      pass(far, near, async () => {
        await new Promise((resolve) => setTimeout(resolve, HELD_MS));
        heard = true;
        if (!this.#answer(index, answers++)) throw new Error("The road ends");
      }),
    ]).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#open);
  }
}

/** Carries bytes one way to their end. */
async function pass(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  before: (count: number) => void | Promise<void>,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await from.read(buffer)) !== null;) {
    const bytes = buffer.slice(0, count);
    await before(count);
    for (let at = 0; at < count;) at += await to.write(bytes.subarray(at));
  }
  await to.closeWrite();
}
