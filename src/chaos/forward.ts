/** Forwards one direction of a proxied connection, with its pieces, delays and faults. @module */
import type net from "node:net";
import { pause } from "../within.ts";
import type { DirectionRules, Fault } from "./rules.ts";

/** Thrown where a plan ends a connection, so that both directions stop forwarding. */
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

/** What {@linkcode forward} is told. */
export interface ForwardOptions {
  readonly rules: DirectionRules;
  /** Aborted when the connection is over: it ends every delay and stall. */
  readonly signal: AbortSignal;
  /** Asked when a stall begins: the signal whose abort ends that stall early. */
  readonly released: () => AbortSignal;
  readonly onFault: (fault: Fault) => void;
  /** Called with each piece after it was forwarded. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

/**
 * Forwards from one socket to the other until the first ends.
 *
 * @throws {ConnectionCut} Where the rules end the connection.
 * @throws What a socket failed with.
 */
export async function forward(
  from: net.Socket,
  to: net.Socket,
  options: ForwardOptions,
): Promise<void> {
  const { rules, signal } = options;
  const faults = [...rules.faults ?? []];
  let forwarded = 0;
  /** From a half-close or a black hole on, what is read is thrown away. */
  let discarding = false;

  /** Lets every fault strike whose position is reached. */
  const strike = async (): Promise<void> => {
    while (!discarding && faults[0] !== undefined && faults[0].after <= forwarded) {
      const fault = faults.shift()!;
      options.onFault(fault);
      if (fault.kind === "reset" || fault.kind === "close") throw new ConnectionCut(fault.kind);
      if (fault.kind === "stall") {
        await pause(fault.ms, AbortSignal.any([options.released(), signal]));
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
      options.onBytes(piece);
      await strike();
    }
  }
  if (!discarding) to.end();
}
