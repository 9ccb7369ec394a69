/**
 * Sockets in, replies out.
 *
 * @module
 */
export { type ClockLimits } from "./clocks.ts";
export { type V1Ack } from "./v1_results.ts";
export { type ConnectionCount } from "./connection_count.ts";
export { type Authorize, type UnreadRequest } from "./authorize.ts";
export { Dispatcher, type Routes, type ServerMode } from "./dispatcher.ts";
export { RateLimiter, type RateLimits } from "./limiter.ts";
export { type DegradeAbove } from "./overload.ts";
export { type Arrival, ProxyGate, type ProxyOptions } from "./proxy_gate.ts";
export { type ProxyVersions } from "./proxy_protocol.ts";
export { Server, type ServerSettings } from "./server.ts";
export { DEFAULT_CLOCKS, DEFAULT_RATE, DEFAULT_SERVER, type ServeOptions } from "./options.ts";
export { serve } from "./serve.ts";
