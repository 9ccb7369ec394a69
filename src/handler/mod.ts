/**
 * What a request does: the handlers between the connections of server/ and the session store and storage.
 *
 * types.ts is the contract of a handler: a connection hands it one request with its payload, and gets the
 * reply. stateless.ts serves requests that stand alone, and version 1; stateful.ts serves sessions:
 *
 *     stateful.ts -> connect.ts (a new session, or takeover.ts and recovery.ts for an existing one)
 *                 -> transfer.ts -> open_file.ts (a file that arrives in several frames)
 *     attachments.ts (which connection holds which session), housekeeping.ts (sweeps, takeovers elsewhere)
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
