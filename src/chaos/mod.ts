/**
 * A TCP proxy that breaks connections on purpose, at exact byte positions.
 *
 *     client --up--> proxy --up--> target
 *     client <-down- proxy <-down- target
 *
 * Each direction of each connection has its own rules: how bytes are cut into pieces, how late they
 * are, and a list of faults, each at a number of forwarded bytes. Positions are exact: a fault at N
 * strikes as soon as N bytes were handed to the other side's socket and before any byte more.
 *
 * `rules.ts` is what it is told, `forward.ts` one direction, `fault_proxy.ts` the proxy. It knows
 * nothing of fxfer's protocol: it is bad weather, for the tests and for `fxfer demo`.
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
