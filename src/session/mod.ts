/** The session layer as data and rules: pure, no I/O. @module */
export type {
  Intent,
  KeptReply,
  RingEntry,
  SessionRecord,
  UploadRecord,
} from "./session.ts";
