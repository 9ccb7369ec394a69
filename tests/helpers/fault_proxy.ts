/** The fault proxy that tests use is that of the program. @module */
export {
  type ConnectionPlan,
  type Direction,
  type DirectionRules,
  type Fault,
  type FaultKind,
  FaultProxy,
  type FaultProxyOptions,
  type ProxyEvent,
} from "../../src/chaos/mod.ts";
