/** How a server treats its connections. @module */
import type { Events } from "../events.ts";
import type { ClockLimits } from "./clocks.ts";
import type { SecurityOptions } from "./gate.ts";
import type { RateLimiter } from "./limiter.ts";
import type { V1Ack } from "./output.ts";
import type { ConnectionCount } from "./shared_settings.ts";
import type { ProxyGate } from "./proxy_gate.ts";

/** How a server treats its connections.
 * @category Server */
export interface ServerSettings {
  /** Open connections at most. */
  readonly maxConnections: number;
  /** Absent: `maxConnections` is this server's own. */
  readonly count?: ConnectionCount | undefined;
  /** How long payloads under way may go on after a stop, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Keep-alive of connections that agree on nothing else, in milliseconds. */
  readonly keepaliveMs: number;
  /** How long a connection may be silent or slow. */
  readonly clocks: ClockLimits;
  /** Open connections of one address, in IPv6 of one /64, at most. @default no limit but `maxConnections` */
  readonly maxPerAddress?: number | undefined;
  /** When a v1 client is told about its files. */
  readonly v1Ack: V1Ack;
  /** Who may use the server. @default whoever reaches it on a loopback address may `put` */
  readonly security?: SecurityOptions;
  /** Absent: no rate limits. */
  readonly limiter?: RateLimiter | undefined;
  /** Absent: no address may speak the PROXY protocol. */
  readonly proxy?: ProxyGate | undefined;
  /** Where events are told. @default nowhere */
  readonly events?: Events;
}

/** The settings that can change while a server runs.
 * @category Server */
export type ServerChange = Partial<
  Pick<
    ServerSettings,
    "maxConnections" | "maxPerAddress" | "drainTimeoutMs" | "keepaliveMs" | "clocks" | "limiter"
  >
>;

/** Bytes that were read from clients and written to them.
 * @category Server */
export interface Traffic {
  /** Bytes read. */
  readonly received: number;
  /** Bytes written. */
  readonly sent: number;
}
