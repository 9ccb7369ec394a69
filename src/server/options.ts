/** What `serve` takes, and the defaults. @module */
import type { Events, ServerEvent } from "../events.ts";
import {
  type ConnectionContext,
  DEFAULT_STATEFUL_OPTIONS,
  type RequestHandler,
  type Right,
  type StatefulChange,
  type StatefulOptions,
  type Stored,
  type Telling,
  type V1Request,
  type V2Request,
} from "../handler/mod.ts";
import type { Logger } from "../log.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { ClockLimits } from "./clocks.ts";
import type { ServerMode } from "./dispatcher.ts";
import type { SecurityOptions } from "./gate.ts";
import type { RateLimits } from "./limiter.ts";
import type { V1Ack } from "./output.ts";
import type { DegradeAbove } from "./overload.ts";
import type { ProxyOptions } from "./proxy_gate.ts";
import type { ConnectionCount } from "./shared_settings.ts";
import type { TlsServeOptions } from "./tls_door.ts";

/** A request whose payload is still unread.
 * @category Server */
export type UnreadRequest = Omit<V1Request, "payload"> | Omit<V2Request, "payload">;

/**
 * Says whether a request may be served; `false`, or a promise of it, means no. To answer with another
 * code than `unauthorized` it throws an {@linkcode FxferError}.
 * @category Server
 */
export type Authorize = (
  request: UnreadRequest,
  context: ConnectionContext,
) => boolean | void | Promise<boolean | void>;

/** What `serve` takes. Durations in milliseconds, sizes in bytes.
 * @category Server */
export interface ServeOptions {
  /**
   * Where files go; the caller disposes of it after the server has stopped. Servers that share a
   * storage share a store: while a server runs, it removes the partial files that no session of `store`
   * speaks of and that have not been written to for ten minutes.
   */
  readonly storage: FileStorage;
  /** Remembers sessions; needed unless the mode is `stateless`. The caller disposes of it. */
  readonly store?: SessionStore;
  /** The address to listen on. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** 0 picks a free one; `off` leaves the port for TLS alone. @default {65432} */
  readonly port?: number | "off";
  /** Listens for TLS as well, on a port of its own (S-TLS-1). @default no TLS */
  readonly tls?: TlsServeOptions;
  /** Which requests are served. @default {"dual"}, or `"stateless"` without a store */
  readonly mode?: ServerMode;
  /** Open connections at most. @default {100} */
  readonly maxConnections?: number;
  /**
   * What one address, in IPv6 one /64, may hold: open connections of the server, live sessions of the store.
   * @default no limits but those of all addresses together
   */
  readonly perAddress?: { readonly connections?: number; readonly sessions?: number };
  /** Counts the connections of all servers on the port: `maxConnections` then holds for all together. */
  readonly connectionCount?: ConnectionCount;
  /**
   * Lets other servers listen on the same address and port; Linux spreads the connections over them.
   * Needs Deno's `--unstable-net`, or `"unstable": ["net"]` in the program's deno.json.
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
  /**
   * What a client without a key may do (S-ACT-2): `get`, `list` and `remove` hold for the files of
   * clients without a key. Where that is nothing, whoever has no key is answered `unauthorized`.
   * @default `put` on a loopback address if the server has no keys, else nothing
   */
  readonly anonymous?: readonly Right[];
  /** Terms of stateful mode. */
  readonly stateful?: Partial<
    Omit<
      StatefulOptions,
      | "admitSession"
      | "admitLoad"
      | "offersStateless"
      | "maxRequestSize"
      | "maxSessionsPerAddress"
      | keyof Telling
    >
  >;
  /**
   * The proxies that say whose connections they forward (PROXY protocol): a connection from one of these
   * addresses must begin with a PROXY header, and the address that the header names counts as the client's.
   * @default no proxy is believed
   */
  readonly proxy?: ProxyOptions;
  /**
   * Above these limits new sessions give way to stateless service (S-DEG-1): a client that allows a
   * fallback gets it, with `degraded: "busy"`, any other is answered `busy`. 0 for never.
   * @default never
   */
  readonly degradeAbove?: Partial<DegradeAbove>;
  /** The users, and how they prove who they are. @default no users */
  readonly security?: Omit<SecurityOptions, "anonymous">;
  /** Whether the older wire is served. @default {true} */
  readonly v1?: boolean;
  /** What clients are not offered (S-FEA-1). @default nothing */
  readonly off?: readonly ("fetch" | "list" | "remove")[];
  /** When a v1 client is told about its files. @default {"eof"} */
  readonly v1Ack?: V1Ack;
  /**
   * Wraps the built-in handler, to change requests or answers. The handler it returns passes on the
   * calls of `closed`, too.
   */
  readonly handler?: (builtIn: RequestHandler) => RequestHandler;
  /**
   * Asked before each request is served, whatever its mode, action and version, and before any of its
   * payload is read. A request that is not allowed is answered `unauthorized` and changes nothing.
   * @default all are served
   */
  readonly authorize?: Authorize;
  /** Called with everything that happens, as it happens. An error that it throws is only logged. */
  readonly onEvent?: (event: ServerEvent) => unknown;
  /**
   * Called once for each file that was stored, after its commit; a file that was stored before and is
   * only sent again is no new file. The answer does not wait for a promise that this function returns,
   * and an error that it throws is only logged.
   */
  readonly onStored?: (stored: Stored) => unknown;
  /** Where the lines of the log go. @default nowhere */
  readonly log?: Logger;
  /**
   * Where events are told, for a program that listens to several parts at one place. That program then
   * writes their lines of the log ({@linkcode logEvents}), and tells `server.listening` itself.
   * @default a place of its own
   */
  readonly events?: Events;
  /** Stops the server gracefully when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * What can change while a server runs; what is absent stays as it is. A mode with sessions needs a store,
 * and sessions that exist go on to their end in every mode.
 * @category Server
 */
export interface ServeChange extends
  Pick<
    ServeOptions,
    | "mode"
    | "maxConnections"
    | "drainTimeoutMs"
    | "clocks"
    | "rate"
    | "maxRequestSize"
    | "degradeAbove"
    | "v1"
    | "off"
  > {
  /** Takes the place of all limits of one address; `{}` for none. */
  readonly perAddress?: ServeOptions["perAddress"];
  /** Terms of sessions that begin from now on; quotas and limits also of those that exist. */
  readonly stateful?: Omit<
    StatefulChange,
    "maxRequestSize" | "maxSessionsPerAddress" | "offersStateless"
  >;
}

/** The default clocks of a connection.
 * @category Server */
export const DEFAULT_CLOCKS: ClockLimits = {
  handshakeMs: 10_000,
  headerMs: 10_000,
  stallMs: 30_000,
  minRate: 1024,
};

/** The default rate limits.
 * @category Server */
export const DEFAULT_RATE: RateLimits = { connectionsPerSecond: 200, sessionsPerMinute: 600 };

/** The other defaults; {@linkcode ServeOptions} says what they are.
 * @category Server */
export const DEFAULT_SERVER: Pick<
  Required<ServeOptions>,
  "hostname" | "port" | "maxConnections" | "drainTimeoutMs" | "maxRequestSize"
> = {
  hostname: "127.0.0.1",
  port: 65432,
  maxConnections: 100,
  drainTimeoutMs: 10_000,
  maxRequestSize: DEFAULT_STATEFUL_OPTIONS.maxRequestSize,
};
