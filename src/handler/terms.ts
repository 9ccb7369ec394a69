/** The server's terms, as a connect states them (S-CON-6). @module */
import {
  CHECKPOINT_BYTES,
  MAX_HEADER_BYTES,
  MAX_SESSION_DATA_BYTES,
  SUPPORTED_VERSIONS,
} from "../protocol/mod.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import { base64url, randomBytes } from "./secrets.ts";
import type { SessionServices } from "./services.ts";

type Terms = Readonly<Record<string, unknown>>;

function serverTerms(storage: FileStorage, instance: string): Terms {
  const { label: tier, durability, find } = storage;
  const terms = { instance, tier, durability, versions: SUPPORTED_VERSIONS };
  // S-TRF-9 cannot be kept without `find`: a retry may store a file twice.
  return find === undefined ? { ...terms, upload_ids: false } : terms;
}

/** What holds for a connection without a session. */
export function statelessTerms(
  storage: FileStorage,
  instance: string,
  maxRequestSize: number,
): Terms {
  return {
    limits: {
      max_header: MAX_HEADER_BYTES,
      max_session_data: MAX_SESSION_DATA_BYTES,
      max_request_size: maxRequestSize,
    },
    server: serverTerms(storage, instance),
  };
}

/** What holds for an attached session. */
export function sessionTerms(services: SessionServices, record: SessionRecord): Terms {
  const { options, storage } = services;
  return {
    keepalive_s: record.keepaliveMs / 1000,
    session_expiry_s: record.expiryMs / 1000,
    max_inflight: options.maxInflight,
    limits: {
      max_header: MAX_HEADER_BYTES,
      max_session_data: MAX_SESSION_DATA_BYTES,
      max_request_size: options.maxRequestSize,
      max_upload_size: options.maxUploadSize,
      checkpoint_bytes: CHECKPOINT_BYTES,
    },
    server: serverTerms(storage, options.instance),
    challenge: base64url(randomBytes(32)),
  };
}
