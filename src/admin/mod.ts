/**
 * Answers over HTTP whether a server is alive and whether it is ready, for load balancers and container
 * platforms. `/healthz` says 200 as long as the process answers at all, `/readyz` says 200 or 503 by
 * {@linkcode Readiness} (S-DRN-1).
 *
 * The listener has a port of its own, so that a firewall can close it to clients. It tells nothing else.
 *
 * @module
 */
export { answerProbe, Health, type HealthOptions } from "./health.ts";
export { type HttpHandler, type HttpLimits, HttpServer } from "./http.ts";
export { type HttpAnswer, HttpFault, type HttpRequest } from "./http_request.ts";
export {
  Readiness,
  type ReadinessParts,
  type ReadyState,
  type UnreadyReason,
} from "./readiness.ts";
