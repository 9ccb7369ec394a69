/**
 * What serves requests: one contract, one handler for each way to serve.
 *
 * @module
 */
export type {
  ConnectionContext,
  Payload,
  Reply,
  Request,
  RequestHandler,
  V1Request,
  V2Request,
} from "./types.ts";
export { StatelessHandler, type StatelessOptions } from "./stateless.ts";
export { V1Handler } from "./v1.ts";
export { degrade, type FallbackTerms } from "./connect.ts";
export { finishIntent, tellFinished } from "./recovery.ts";
export { base64url, hashToken, randomBytes } from "./secrets.ts";
export { sweepOrphans } from "./orphan_sweep.ts";
export { StatefulHandler } from "./stateful.ts";
export { type Stored, tell, type Telling } from "./tell.ts";
export { DEFAULT_STATEFUL_OPTIONS, type StatefulOptions } from "./services.ts";
