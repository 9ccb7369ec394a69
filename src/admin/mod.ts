/**
 * What those who run a server look at: for now whether it is alive and ready, by HTTP.
 *
 * @module
 */
export { Health, type HealthOptions } from "./health.ts";
export {
  Readiness,
  type ReadinessParts,
  type ReadyState,
  type UnreadyReason,
} from "./readiness.ts";
