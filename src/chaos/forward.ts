/** One direction of a connection: pieces, delays, faults. @module */
import type net from "node:net";
import type { DirectionRules, Fault } from "./rules.ts";

/** The end of a connection by plan: unwinds both directions. */
export class ConnectionCut extends Error {
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

/** What {@linkcode forward} works by. */
export interface ForwardOptions {
  readonly rules: DirectionRules;
  /** Ends every pause: the connection is over. */
  readonly signal: AbortSignal;
  /** What ends the stalls that begin now. */
  readonly released: () => AbortSignal;
  readonly onFault: (fault: Fault) => void;
  /** Sees each piece that was forwarded. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

/** Forwards one direction until its end; throws {@linkcode ConnectionCut}, or the error of a socket. */
export async function forward(
  from: net.Socket,
  to: net.Socket,
  options: ForwardOptions,
): Promise<void> {
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
      if (fault.kind === "reset" || fault.kind === "close") throw new ConnectionCut(fault.kind);
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
      options.onBytes(piece);
      await strike();
    }
  }
  if (!lost) to.end();
}
