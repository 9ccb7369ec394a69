/**
 * What those who run a server look at: whether it is alive and ready, by HTTP, for load balancers and
 * container platforms. `/healthz` says 200 as long as the process answers at all, `/readyz` 200 or 503
 * by {@linkcode Readiness} (S-DRN-1).
 *
 * The listener has a port of its own, so that it can be kept from the world; it tells only this state.
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
