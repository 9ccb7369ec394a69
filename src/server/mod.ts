/**
 * The server: accepts connections, reads requests from their sockets, lets a handler of handler/ answer each
 * of them, and writes the replies. It also keeps the clocks and limits of connections, and stops gracefully.
 *
 *     serve.ts (puts all of it together) -> server.ts (listener, stop) -> connection.ts (one client)
 *       -> reader.ts, input.ts (bytes to requests) -> dispatcher.ts (which handler) -> output.ts (replies)
 *
 * @module
 */
export { type ClockLimits } from "./clocks.ts";
export { type V1Ack } from "./output.ts";
export { Dispatcher, type Routes, type ServerMode } from "./dispatcher.ts";
export { RateLimiter, type RateLimits } from "./limiter.ts";
export { type DegradeAbove } from "./overload.ts";
export { type Arrival, ProxyGate, type ProxyOptions } from "./proxy_gate.ts";
export { type ProxyVersions } from "./proxy_protocol.ts";
export { type ConnectionCount, Server, type ServerSettings } from "./server.ts";
export {
  type Authorize,
  DEFAULT_CLOCKS,
  DEFAULT_RATE,
  DEFAULT_SERVER,
  type ServeOptions,
  type UnreadRequest,
} from "./options.ts";
export { serve } from "./serve.ts";
