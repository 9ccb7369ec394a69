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
export { degrade } from "./connect.ts";
export { settleIntent } from "./recovery.ts";
export { base64url, hashToken, randomBytes } from "./secrets.ts";
export { StatefulHandler } from "./stateful.ts";
export { DEFAULT_STATEFUL_OPTIONS, type StatefulOptions } from "./services.ts";
