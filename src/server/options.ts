/** What `serve` takes, and what holds where nothing is said. @module */
import type { Events, ServerEvent } from "../events.ts";
import {
  DEFAULT_STATEFUL_OPTIONS,
  type RequestHandler,
  type StatefulOptions,
  type Stored,
  type Telling,
} from "../handler/mod.ts";
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Authorize } from "./authorize.ts";
import type { ClockLimits } from "./clocks.ts";
import type { V1Ack } from "./v1_results.ts";
import type { ConnectionCount } from "./connection_count.ts";
import type { ServerMode } from "./dispatcher.ts";
import type { RateLimits } from "./limiter.ts";
import type { DegradeAbove } from "./overload.ts";
import type { ProxyOptions } from "./proxy_gate.ts";

/** What `serve` takes. Durations in milliseconds, sizes in bytes.
 * @category Server */
export interface ServeOptions {
  /**
   * Where files go; the caller disposes of it after the server has stopped. While the server runs,
   * partial files that no session of `store` speaks of are removed from it once nobody has written to
   * them for ten minutes: servers that share a storage share a store.
   */
  readonly storage: FileStorage;
  /** Remembers sessions; needed unless the mode is `stateless`. The caller disposes of it. */
  readonly store?: SessionStore;
  /** The address to listen on. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** 0 picks a free one. @default {65432} */
  readonly port?: number;
  /** Which requests are served. @default {"dual"}, or `"stateless"` without a store */
  readonly mode?: ServerMode;
  /** Open connections at most. @default {100} */
  readonly maxConnections?: number;
  /**
   * Counts the connections of other servers on the port, too: `maxConnections` then holds for all.
   *
   * @default it holds for this server
   */
  readonly connectionCount?: ConnectionCount;
  /**
   * Lets other servers listen on the same address and port; Linux spreads the connections over them.
   * Needs Deno's `--unstable-net`, or `"unstable": ["net"]` in the deno.json of the program.
   *
   * @default {false}
   */
  readonly reusePort?: boolean;
  /** How long payloads under way may go on after a stop. @default {10000} */
  readonly drainTimeoutMs?: number;
  /** How long each clock of a connection runs. @default handshake 10 s, header 10 s, stall 30 s, 1024 bytes/s */
  readonly clocks?: Partial<ClockLimits>;
  /** For each address; `off` for none. @default 200 connections/s, 600 sessions/min */
  readonly rate?: RateLimits | "off";
  /** The largest payload of one frame, in either mode. @default {10485760} */
  readonly maxRequestSize?: number;
  /** Terms of stateful mode. */
  readonly stateful?: Partial<
    Omit<
      StatefulOptions,
      "admitSession" | "admitLoad" | "offersStateless" | "maxRequestSize" | keyof Telling
    >
  >;
  /**
   * The proxies that say whose connections they forward (PROXY protocol): from these addresses the
   * header is required, and the address it names is the client's for all purposes.
   *
   * @default nobody is believed
   */
  readonly proxy?: ProxyOptions;
  /**
   * Above these new sessions give way to stateless service (S-DEG-1): who allows a fallback gets it,
   * with `degraded: "busy"`, and others `busy`. 0 for never.
   *
   * @default never
   */
  readonly degradeAbove?: Partial<DegradeAbove>;
  /** Whether the older wire is served. @default {true} */
  readonly v1?: boolean;
  /** When a v1 client is told about its files. @default {"eof"} */
  readonly v1Ack?: V1Ack;
  /**
   * Wraps what serves the requests, to change requests or answers. What it returns hands on the calls
   * of `closed`, too.
   */
  readonly handler?: (builtIn: RequestHandler) => RequestHandler;
  /**
   * Asked before each request is served, whatever its mode, action and version, and before any of its
   * payload is read. A request that is not allowed is answered `unauthorized` and changes nothing.
   *
   * @default all are served
   */
  readonly authorize?: Authorize;
  /** Called with everything that happens, as it happens. What it throws is logged, no more. */
  readonly onEvent?: (event: ServerEvent) => unknown;
  /**
   * Called once for each file that was stored, after its commit; what was stored before and is only
   * sent again is no new file. The answer does not wait for a promise that it returns. What it throws
   * is logged and changes no answer.
   */
  readonly onStored?: (stored: Stored) => unknown;
  /** Where the lines of the log go. @default nowhere */
  readonly log?: Logger;
  /**
   * Where events are told, for a program that listens to several parts at one place. Then that program
   * writes their lines ({@linkcode logEvents}), and tells `server.listening` itself.
   *
   * @default a place of its own
   */
  readonly events?: Events;
  /** Stops the server gracefully when aborted. */
  readonly signal?: AbortSignal;
}

/** The clocks of a connection where nothing else is said.
 * @category Server */
export const DEFAULT_CLOCKS: ClockLimits = {
  handshakeMs: 10_000,
  headerMs: 10_000,
  stallMs: 30_000,
  minRate: 1024,
};

/** The rate limits where nothing else is said.
 * @category Server */
export const DEFAULT_RATE: RateLimits = { connectionsPerSecond: 200, sessionsPerMinute: 600 };

/** The other numbers where nothing else is said.
 * @category Server */
export const DEFAULT_SERVER: {
  readonly hostname: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly drainTimeoutMs: number;
  readonly maxRequestSize: number;
} = {
  hostname: "127.0.0.1",
  port: 65432,
  maxConnections: 100,
  drainTimeoutMs: 10_000,
  maxRequestSize: DEFAULT_STATEFUL_OPTIONS.maxRequestSize,
};
