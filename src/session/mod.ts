/** The session layer as data and rules: pure, no I/O. @module */
export type { Intent, KeptReply, RingEntry, SessionRecord, UploadRecord } from "./session.ts";
export {
  isAttached,
  nextState,
  type SessionInput,
  type SessionState,
  STATE_NAMES,
  type Tracer,
} from "./state.ts";
export { fingerprint, judge, remember, type RequestFacts, type Verdict } from "./sequence.ts";
export { expiredAt, forgottenAt, isLive, type Life, lifeOf, TOMBSTONE_MS } from "./life.ts";
export {
  attach,
  type AttachInit,
  checkpoint,
  close,
  createSession,
  detach,
  dropIntent,
  dropUpload,
  execute,
  type Execution,
  expire,
  FLAP_RETRY_MS,
  FLAP_WINDOW_MS,
  intend,
  isFlapping,
  MAX_TAKEOVERS,
  openUpload,
  renewLease,
  type SessionInit,
} from "./lifecycle.ts";
export { authorised, type Credentials, type IpBinding } from "./authorise.ts";
