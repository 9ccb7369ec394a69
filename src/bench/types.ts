/** What a load is told, and what came of it. @module */

/** Which frames are sent: version 2 in one of its modes, or version 1. */
export type Wire = "stateless" | "stateful" | "v1";

/** What to send, in what shape, to whom. */
export interface LoadPlan {
  readonly hostname: string;
  readonly port: number;
  readonly wire: Wire;
  /** Connections at a time, 1 or more. */
  readonly connections: number;
  /** Requests on each connection; with `reconnect`: in all. */
  readonly requests: number;
  /** Payload bytes of each request. */
  readonly size: number;
  /** Requests without a reply on one connection, at most. @default {1} */
  readonly window?: number;
  /** A new connection for each request: its latency runs from connecting to the reply. */
  readonly reconnect?: boolean;
  /** The requests of a connection are the frames of one file. Stateful only. */
  readonly oneFile?: boolean;
  /** Ends the load early: what is under way is answered, nothing more is sent. */
  readonly signal?: AbortSignal;
  /** A load that takes longer is cut. @default {120000} */
  readonly timeoutMs?: number;
}

/** What came of a load. */
export interface LoadResult {
  /** Requests answered with success. */
  readonly done: number;
  /** Refused requests and lost connections, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** From the first connect to the last reply. */
  readonly seconds: number;
  /** Milliseconds from a request's first byte to its reply: median, 99th percentile, most. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Payload bytes of the requests that succeeded. */
  readonly payloadBytes: number;
  /** All bytes written, and read: what the wire carries besides TCP's own. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}
