/** The types of what a fault proxy is told to do and of the events it reports. @module */

/** The kinds of fault; {@linkcode Fault} says what each does. */
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

/** How one connection is treated; a direction that is absent is forwarded untouched. */
export interface ConnectionPlan {
  /** From the client to the target. */
  readonly up?: DirectionRules;
  /** From the target to the client. */
  readonly down?: DirectionRules;
}

/** Which way bytes go. */
export type Direction = "up" | "down";

/** What a proxy reports; `connection` counts from 0. */
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
  /** Where connections are forwarded to; the target sees them come from `localAddress`, if given. */
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
  /** Called for each event, in order; it must not throw. */
  readonly onEvent?: (event: ProxyEvent) => void;
  /** Called with the bytes forwarded, in order; they are valid until it returns. It must not throw. */
  readonly onBytes?: (connection: number, direction: Direction, bytes: Uint8Array) => void;
}
