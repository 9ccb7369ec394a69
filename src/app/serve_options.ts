/** What a configuration means for the options of `serve`. @module */
import { type Config, DEFAULT_CONFIG } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { ServeOptions } from "../server/mod.ts";

/** The configuration has seconds, the library takes milliseconds. */
const ms = (seconds: number): number => seconds * 1000;

/** Translates a configuration into options of the library. Pure. */
export function serveOptions(
  config: Config,
): Omit<ServeOptions, "storage" | "store" | "log" | "events"> {
  const { server, stateful, stateless, limits, security, versions } = config;
  return {
    hostname: server.host,
    port: server.port,
    mode: server.mode,
    maxConnections: server.max_connections,
    drainTimeoutMs: ms(server.drain_timeout),
    clocks: {
      handshakeMs: ms(server.handshake_timeout),
      headerMs: ms(server.header_timeout),
      stallMs: ms(stateless.request_timeout),
      minRate: limits.min_rate,
    },
    rate: limits.rate === "off" ? "off" : {
      connectionsPerSecond: limits.rate.connections_per_second,
      sessionsPerMinute: limits.rate.sessions_per_minute,
    },
    perAddress: omitUndefined({
      connections: numberOf(limits.per_address.connections),
      sessions: numberOf(limits.per_address.sessions),
    }),
    maxRequestSize: stateless.max_request_size,
    ...(security.anonymous === "auto"
      ? {}
      : { anonymous: security.anonymous as NonNullable<ServeOptions["anonymous"]> }),
    stateful: {
      sessionTimeoutMs: ms(stateful.session_timeout),
      partialTimeoutMs: ms(partialTimeout(stateful)),
      maxSessions: stateful.max_sessions,
      keepaliveMs: ms(stateful.keepalive),
      maxInflight: stateful.max_inflight,
      maxUnansweredBytes: stateful.max_unanswered_bytes,
      maxUploadSize: stateful.max_upload_size,
      sessionQuota: limits.session_quota,
      ipBinding: security.ip_binding,
    },
    ...proxyOptions(server),
    degradeAbove: {
      sessions: server.degrade_above.sessions,
      eventLoopDelayMs: server.degrade_above.event_loop_delay_ms,
    },
    off: (["fetch", "list", "remove"] as const).filter((name) => config.features[name] === "off"),
    v1: versions.v1 === "on" && security.mac !== "required", // S-VER-4
    v1Ack: versions.v1_ack,
  };
}

const DAY_S = 86_400;

/** How long a session with a file begun outlives its connection, in seconds. */
function partialTimeout({ partial_timeout: asked, session_timeout }: Config["stateful"]): number {
  if (asked !== "auto") return asked;
  return session_timeout === DEFAULT_CONFIG.stateful.session_timeout ? DAY_S : session_timeout;
}

const numberOf = (limit: number | "off"): number | undefined => limit === "off" ? undefined : limit;

function proxyOptions(
  { proxy_protocol, proxy_allow }: Config["server"],
): Pick<ServeOptions, "proxy"> {
  if (proxy_protocol === "off") return {};
  if (proxy_allow.length === 0) {
    throw new FxferError(
      "config_invalid",
      `Cannot use configuration: server.proxy_protocol ${proxy_protocol} needs server.proxy_allow, ` +
        "the addresses of the proxies",
    );
  }
  return { proxy: { versions: proxy_protocol, allow: proxy_allow } };
}
