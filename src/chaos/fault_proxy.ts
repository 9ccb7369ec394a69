/** The proxy: accepts connections, opens one to the target for each, and forwards both ways. @module */
import net from "node:net";
import { pause, within } from "../within.ts";
import type { Direction, DirectionRules, FaultProxyOptions } from "./rules.ts";

/** How long the listener may take to report that it is closed, in milliseconds. */
const STOP_MS = 100;

/** Thrown where a plan ends a connection, so that both directions stop forwarding. */
class ConnectionCut extends Error {
  constructor(readonly kind: "reset" | "close") {
    super(`Connection was cut: ${kind}`);
  }
}

/** Resolves when the socket has taken the bytes; rejects when it has failed. */
function write(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => error ? reject(error) : resolve());
  });
}

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

  static async listen(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(options.port ?? 0, options.hostname ?? "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Ends every stall that is under way. */
  release(): void {
    this.#release.abort();
    this.#release = new AbortController();
  }

  /** Stops listening, resets every open socket, and waits until all are closed. */
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
    const { target: { hostname: host, ...where }, plan, onEvent } = this.#options;
    const target = net.connect({ host, ...where, allowHalfOpen: true, noDelay: true });
    const pair = [client, target];
    for (const socket of pair) {
      this.#sockets.add(socket);
      // An error is thrown where the socket is read or written. Without a listener for the event it
      // would end the process as well.
      socket.on("error", () => {});
    }
    onEvent?.({ type: "open", connection });
    const { up = {}, down = {} } = plan?.(connection) ?? {};
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stop.signal]);
    const pumps = [
      this.#forward({ connection, direction: "up" }, client, target, up, signal),
      this.#forward({ connection, direction: "down" }, target, client, down, signal),
    ];
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
    onEvent?.({ type: "closed", connection, up: target.bytesWritten, down: client.bytesWritten });
  }

  /**
   * Forwards bytes until `from` ends.
   *
   * @param signal Aborted when the connection is over: it ends every delay and stall.
   * @throws {ConnectionCut} Where the rules end the connection.
   * @throws What a socket failed with.
   */
  async #forward(
    way: { readonly connection: number; readonly direction: Direction },
    from: net.Socket,
    to: net.Socket,
    rules: DirectionRules,
    signal: AbortSignal,
  ): Promise<void> {
    const { onEvent, onBytes } = this.#options;
    const faults = [...rules.faults ?? []];
    let forwarded = 0;
    /** Whether all further bytes are thrown away: from a half-close or a black hole on. */
    let discarding = false;

    /** Lets every fault strike whose position is reached. */
    const strike = async (): Promise<void> => {
      while (!discarding && faults[0] !== undefined && faults[0].after <= forwarded) {
        const fault = faults.shift()!;
        onEvent?.({ type: "fault", ...way, fault });
        if (fault.kind === "reset" || fault.kind === "close") throw new ConnectionCut(fault.kind);
        if (fault.kind === "stall") {
          await pause(fault.ms, AbortSignal.any([this.#release.signal, signal]));
        } else {
          discarding = true;
          if (fault.kind === "half-close") to.end();
        }
      }
    };

    await strike();
    for await (const data of from.iterator({ destroyOnReturn: false })) {
      let rest: Uint8Array = data;
      while (rest.length > 0 && !discarding) {
        const untilFault = (faults[0]?.after ?? Infinity) - forwarded;
        const piece = rest.subarray(0, Math.min(rest.length, rules.chunk ?? Infinity, untilFault));
        rest = rest.subarray(piece.length);
        if (rules.delayMs !== undefined) await pause(rules.delayMs, signal);
        await write(to, piece);
        forwarded += piece.length;
        onBytes?.(way.connection, way.direction, piece);
        await strike();
      }
    }
    if (!discarding) to.end();
  }
}
