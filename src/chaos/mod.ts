/**
 * A TCP proxy that breaks connections on purpose, at exact byte positions. `fxfer chaos` and
 * `fxfer demo` run it, and the tests put it between a client and a server.
 *
 *     client --up--> proxy --up--> target
 *     client <-down- proxy <-down- target
 *
 * Each direction of each connection has its own rules: how long the pieces are in which bytes are
 * forwarded, how long each piece is held back, and a list of faults. A fault at position N strikes as
 * soon as N bytes of its direction were handed to the other side's socket, and before any further byte.
 *
 * `rules.ts` has the types of what a proxy is told and what it reports, `fault_proxy.ts` has the proxy.
 * The proxy knows nothing of fxfer's protocol.
 *
 * @module
 */
export { FaultProxy } from "./fault_proxy.ts";
export type {
  ConnectionPlan,
  Direction,
  DirectionRules,
  Fault,
  FaultKind,
  FaultProxyOptions,
  ProxyEvent,
} from "./rules.ts";
