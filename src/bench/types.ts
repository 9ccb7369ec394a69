/** The types of a load plan and of its result. @module */

/** Which frames are sent: those of version 2 in one of its modes, or those of version 1. */
export type Wire = "stateless" | "stateful" | "v1";

/** What a load sends to which server, over how many connections. */
export interface LoadPlan {
  readonly hostname: string;
  readonly port: number;
  readonly wire: Wire;
  /** How many connections are open at a time, 1 or more. */
  readonly connections: number;
  /** How many requests each connection sends; with `reconnect`, how many are sent in all. */
  readonly requests: number;
  /** Payload bytes of each request. */
  readonly size: number;
  /** The most requests that may be unanswered on one connection. @default {1} */
  readonly window?: number;
  /** Makes a new connection for each request; the latency then includes the time to connect. */
  readonly reconnect?: boolean;
  /** The requests of a connection are the frames of one file. Stateful only. */
  readonly oneFile?: boolean;
  /** Ends the load early: no more requests are sent, and those under way are answered. */
  readonly signal?: AbortSignal;
  /** After this time every connection is closed, in milliseconds. @default {120000} */
  readonly timeoutMs?: number;
}

/** The measured result of a load. */
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
  /** All bytes written and read, headers included; those of TCP itself are not counted. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}
