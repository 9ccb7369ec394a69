/** The fault proxy as tests import it: the program's own. @module */
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
