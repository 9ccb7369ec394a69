/** The proxy: accepts connections, opens one to the target for each, and joins the two. @module */
import net from "node:net";
import { within } from "../within.ts";
import { ConnectionCut, forward } from "./forward.ts";
import type { Direction, FaultProxyOptions } from "./rules.ts";

/** How long the listener may take to report that it is closed, in milliseconds. */
const STOP_MS = 100;

/** Asks the socket to close after it has sent what it holds, and resolves when it is closed. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
    socket.destroySoon();
  });
}

/**
 * Ends a connection with a reset. Deno 2.6 cannot send one: there the socket is closed, and the peer
 * sees a reset only if some of its bytes were not read.
 */
function reset(socket: net.Socket): void {
  const { resetAndDestroy } = socket as { resetAndDestroy?: () => void };
  if (resetAndDestroy === undefined) socket.destroy();
  else resetAndDestroy.call(socket);
}

/** A running proxy. Dispose it to close the listener and every connection. */
export class FaultProxy implements AsyncDisposable {
  readonly #options: FaultProxyOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #release = new AbortController();
  #connections = 0;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    // allowHalfOpen: a FIN from one side must not close the other direction.
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const task = this.#serve(client, this.#connections++);
      this.#tasks.add(task);
      task.finally(() => this.#tasks.delete(task));
    });
  }

  /** Starts to listen. */
  static async listen(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(options.port ?? 0, options.hostname ?? "127.0.0.1", resolve);
    });
    return proxy;
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Ends every stall that is under way. */
  release(): void {
    this.#release.abort();
    this.#release = new AbortController();
  }

  /** Stops listening, resets what is open, and waits until every socket is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) reset(socket);
    await Promise.all(this.#tasks);
    // Every connection is closed by now. Deno 2.6 never reports the close of the listener if one of
    // them was half-open, so the wait for it is short.
    await within(STOP_MS, stopped);
  }

  async #serve(client: net.Socket, connection: number): Promise<void> {
    const emit = this.#options.onEvent ?? (() => {});
    const { hostname: host, ...where } = this.#options.target;
    const target = net.connect({ host, ...where, allowHalfOpen: true, noDelay: true });
    const pair = [client, target];
    for (const socket of pair) {
      this.#sockets.add(socket);
      // An error is thrown where the socket is read or written. Without a listener for the event it
      // would end the process as well.
      socket.on("error", () => {});
    }
    emit({ type: "open", connection });
    const plan = this.#options.plan?.(connection) ?? {};
    const over = new AbortController();
    const pump = (direction: Direction, from: net.Socket, to: net.Socket) =>
      forward(from, to, {
        rules: plan[direction] ?? {},
        signal: AbortSignal.any([over.signal, this.#stop.signal]),
        released: () => this.#release.signal,
        onFault: (fault) => emit({ type: "fault", connection, direction, fault }),
        onBytes: (bytes) => this.#options.onBytes?.(connection, direction, bytes),
      });
    const pumps = [pump("up", client, target), pump("down", target, client)];
    try {
      await Promise.all(pumps);
    } catch (error) {
      // A cut by plan ends both sockets as the plan says. If a socket failed by itself, both are reset.
      const orderly = error instanceof ConnectionCut && error.kind === "close";
      for (const socket of pair) orderly ? socket.destroySoon() : reset(socket);
    }
    over.abort();
    await Promise.allSettled(pumps);
    await Promise.all(pair.map(closed));
    for (const socket of pair) this.#sockets.delete(socket);
    emit({ type: "closed", connection, up: target.bytesWritten, down: client.bytesWritten });
  }
}
