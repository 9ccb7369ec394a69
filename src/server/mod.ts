/** The server: sockets in, replies out. @module */
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
