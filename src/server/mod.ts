/**
 * The server: accepts connections, reads requests from their sockets, lets a handler of handler/ answer each
 * of them, and writes the replies. It also keeps the clocks and limits of connections, and stops gracefully.
 *
 *     serve.ts (puts all of it together) -> server.ts (listener, stop) -> connection.ts (one client)
 *       -> reader.ts, input.ts (bytes to requests) -> dispatcher.ts (which handler) -> output.ts (replies)
 *
 * - S-FAIR-1 One connection gets at most 32 frames or 5 ms before others are served; heads are read into
 *   small buffers. What is read away for refused connections is bounded in sum: 64 MiB a second for a server,
 *   1 MiB for each connection beyond the first hundred. 20 connections that pipeline and never read cost
 *   others less than 60 ms at the 99th percentile, and the server less than 32 MiB. Heartbeats and refused frames
 *   change nothing and cost their sender nothing: all connections together get 20,000 of them at once, and
 *   then 5,000 in a second, and whoever asks for more waits. Files are not counted.
 * - S-FAIR-2 A server is alive if a fresh upload succeeds within 1 s. Its memory is bounded if 1,000 hostile
 *   connections add less than 64 MiB, and 1,000,000 damaged frames less than twice what 1,000 left.
 *
 * ## Known limit
 *
 * A peer that connects to the port for TLS and never ends its handshake meets the handshake clock, and takes
 * no place of `max_connections` any more. But Deno closes the socket of an unfinished handshake only when the
 * peer closes it, so each takes a file handle until then. Where strangers reach that port, a firewall should
 * limit the connections of one address.
 *
 * @module
 */
export { type ClockLimits } from "./clocks.ts";
export { type V1Ack } from "./output.ts";
export { Dispatcher, type Offers, type Routes, type ServerMode } from "./dispatcher.ts";
export { RateLimiter, type RateLimits } from "./limiter.ts";
export { type MacPolicy, type SecurityOptions } from "./gate.ts";
export { type DegradeAbove } from "./overload.ts";
export { type Arrival, ProxyGate, type ProxyOptions } from "./proxy_gate.ts";
export { type ProxyVersions } from "./proxy_protocol.ts";
export { type ConnectionCount } from "./shared_settings.ts";
export { Server } from "./server.ts";
export type { ServerChange, ServerSettings, Traffic } from "./settings.ts";
export {
  type Authorize,
  DEFAULT_CLOCKS,
  DEFAULT_RATE,
  DEFAULT_SERVER,
  type ServeChange,
  type ServeOptions,
  type UnreadRequest,
} from "./options.ts";
export { type TlsServeOptions } from "./tls_door.ts";
export { serve, type ServingServer } from "./serve.ts";
export { TokenBuckets } from "./limiter.ts";
