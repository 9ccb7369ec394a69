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
export { StatelessHandler, type StatelessOptions, V1Handler } from "./stateless.ts";
export { degrade, type FallbackTerms, hashToken, newSecret } from "./connect.ts";
export { afterIntent, finishFile, tellFinished } from "./recovery.ts";
export { sweepOrphans } from "./housekeeping.ts";
export { COMMIT_MS, MAX_TRIES } from "./takeover.ts";
export { StatefulHandler } from "./stateful.ts";
export { type Stored, tell, type Telling } from "./tell.ts";
export { DEFAULT_STATEFUL_OPTIONS, type StatefulOptions } from "./stateful_options.ts";
