/**
 * A TCP proxy that breaks connections on purpose, at exact byte positions.
 *
 *     client --up--> proxy --up--> target
 *     client <-down- proxy <-down- target
 *
 * Each direction of each connection has its own rules: how bytes are cut into pieces, how late they
 * are, and a list of faults, each at a number of forwarded bytes. Positions are exact: a fault at N
 * strikes as soon as N bytes were handed to the other side's socket and before any byte more.
 *
 * @module
 */
import net from "node:net";

/** What can go wrong; see {@linkcode Fault}. */
export type FaultKind = "reset" | "close" | "half-close" | "stall" | "black-hole";

/** Something that goes wrong in one direction of a connection. */
export interface Fault {
  /** Strikes when this many bytes were forwarded in this direction; 0 strikes before the first. */
  readonly after: number;
  /**
   * - `reset`: both sides get a TCP reset;
   * - `close`: both sides get an orderly end (FIN) and nothing more is forwarded either way;
   * - `half-close`: the receiving side gets FIN, what its peer still sends is thrown away, the other
   *   direction goes on;
   * - `stall`: nothing is read or forwarded for `ms` or until {@linkcode FaultProxy.release};
   * - `black-hole`: everything from here on is read and thrown away.
   */
  readonly kind: FaultKind;
  /** How long a stall lasts, in milliseconds; absent: until released. */
  readonly ms?: number;
}

/** How one direction of a connection is treated. */
export interface DirectionRules {
  /** Forward pieces of at most this many bytes, each in a write of its own; default as they come. */
  readonly chunk?: number;
  /** Wait this long, in milliseconds, before each piece; default 0. */
  readonly delayMs?: number;
  /** What goes wrong, by rising `after`. */
  readonly faults?: readonly Fault[];
}

/** How one connection is treated; an absent direction is forwarded untouched. */
export interface ConnectionPlan {
  /** From the client to the target. */
  readonly up?: DirectionRules;
  /** From the target to the client. */
  readonly down?: DirectionRules;
}

/** Which way bytes go. */
export type Direction = "up" | "down";

/** What a proxy tells of itself; `connection` counts from 0. */
export type ProxyEvent =
  | { readonly type: "open"; readonly connection: number }
  | {
    readonly type: "fault";
    readonly connection: number;
    readonly direction: Direction;
    readonly fault: Fault;
  }
  | {
    readonly type: "closed";
    readonly connection: number;
    /** Bytes forwarded each way. */
    readonly up: number;
    readonly down: number;
  };

/** What {@linkcode FaultProxy.listen} takes. */
export interface FaultProxyOptions {
  /** Where connections are forwarded to; `localAddress` is the address they seem to come from. */
  readonly target: {
    readonly hostname: string;
    readonly port: number;
    readonly localAddress?: string;
  };
  /** Where to listen; default 127.0.0.1 on a free port. */
  readonly hostname?: string;
  /** The port to listen on; 0, the default, picks a free one. */
  readonly port?: number;
  /** The plan of the n-th connection, counted from 0; default: all are forwarded untouched. */
  readonly plan?: (connection: number) => ConnectionPlan;
  /** Called once an event, in order; it must not throw. */
  readonly onEvent?: (event: ProxyEvent) => void;
}

/** The end of a connection by plan: unwinds both directions. */
class Cut extends Error {
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

/** A pause that an abort ends early. */
function pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = ms === undefined ? undefined : setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Resolves when the socket is gone, which it is told to be once it has sent what it holds. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
    socket.destroySoon();
  });
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

  /** Stops listening, resets what is open, and waits until all is let go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await Promise.all(this.#tasks);
    await stopped;
  }

  async #serve(client: net.Socket, connection: number): Promise<void> {
    const emit = this.#options.onEvent ?? (() => {});
    const { hostname: host, ...where } = this.#options.target;
    const target = net.connect({ host, ...where, allowHalfOpen: true, noDelay: true });
    const pair = [client, target];
    for (const socket of pair) {
      this.#sockets.add(socket);
      // Errors surface where the socket is read or written; without a listener they would be fatal.
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
      });
    const pumps = [pump("up", client, target), pump("down", target, client)];
    try {
      await Promise.all(pumps);
    } catch (error) {
      // An end by plan is orderly or not, as planned; a socket's own failure is passed on as a reset.
      const orderly = error instanceof Cut && error.kind === "close";
      for (const socket of pair) orderly ? socket.destroySoon() : socket.resetAndDestroy();
    }
    over.abort();
    await Promise.allSettled(pumps);
    await Promise.all(pair.map(closed));
    for (const socket of pair) this.#sockets.delete(socket);
    emit({ type: "closed", connection, up: target.bytesWritten, down: client.bytesWritten });
  }
}

/** What {@linkcode forward} works by. */
interface ForwardOptions {
  readonly rules: DirectionRules;
  /** Ends every pause: the connection is over. */
  readonly signal: AbortSignal;
  /** What ends the stalls that begin now. */
  readonly released: () => AbortSignal;
  readonly onFault: (fault: Fault) => void;
}

/** Forwards one direction until its end; throws {@linkcode Cut}, or the error of a socket. */
async function forward(from: net.Socket, to: net.Socket, options: ForwardOptions): Promise<void> {
  const { rules, signal } = options;
  const faults = [...rules.faults ?? []];
  let forwarded = 0;
  /** Set once nothing more may reach the other side. */
  let lost = false;

  /** Lets every fault strike that is due. */
  const strike = async (): Promise<void> => {
    while (!lost && faults[0] !== undefined && faults[0].after <= forwarded) {
      const fault = faults.shift()!;
      options.onFault(fault);
      if (fault.kind === "reset" || fault.kind === "close") throw new Cut(fault.kind);
      if (fault.kind === "stall") {
        await pause(fault.ms, AbortSignal.any([options.released(), signal]));
      } else {
        lost = true;
        if (fault.kind === "half-close") to.end();
      }
    }
  };

  await strike();
  for await (const data of from.iterator({ destroyOnReturn: false })) {
    let rest: Uint8Array = data;
    while (rest.length > 0 && !lost) {
      const room = (faults[0]?.after ?? Infinity) - forwarded;
      const piece = rest.subarray(0, Math.min(rest.length, rules.chunk ?? Infinity, room));
      rest = rest.subarray(piece.length);
      if (rules.delayMs !== undefined) await pause(rules.delayMs, signal);
      await write(to, piece);
      forwarded += piece.length;
      await strike();
    }
  }
  if (!lost) to.end();
}
