/** What must hold before a transfer's payload is read (S-TRF-1, S-TRF-2): pure. @module */
import { FxferError } from "../errors.ts";
import type { TransferRequest } from "../protocol/mod.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { StatefulOptions } from "./services.ts";

/** The limits a transfer is held against. */
export type TransferLimits = Pick<
  StatefulOptions,
  "maxRequestSize" | "maxUploadSize" | "sessionQuota"
>;

/**
 * Checks a transfer frame against the session's open file and the limits.
 *
 * @throws {FxferError} `too_large`, `offset_mismatch` with the right `offset`, `length_mismatch`,
 * `quota_exceeded`: nothing was written, and the sequence does not advance.
 */
export function admit(
  limits: TransferLimits,
  record: SessionRecord,
  { header: { size }, data }: TransferRequest,
): void {
  const open = record.upload;
  if (size > limits.maxRequestSize) {
    throw new FxferError("too_large", "Cannot take frame: larger than max_request_size", {
      fields: { limit: limits.maxRequestSize },
      limit: "max_request_size",
    });
  }
  const offset = open?.offset ?? 0;
  if (data.offset !== offset || (open !== null && data.uploadId !== open.uploadId)) {
    throw new FxferError("offset_mismatch", `Cannot take frame: the durable offset is ${offset}`, {
      fields: { offset, upload_id: open?.uploadId ?? null },
    });
  }
  const end = data.offset + size;
  // A length may be told late, as stdin's is, but only once.
  const length = data.length ?? open?.length;
  const otherLength = length !== (open?.length ?? length);
  if (otherLength || (length !== undefined && (end > length || (data.complete && end < length)))) {
    throw new FxferError(
      "length_mismatch",
      "Cannot take frame: it does not fit the file's length",
      {
        fields: { length: open?.length ?? length ?? null },
      },
    );
  }
  const least = Math.max(length ?? 0, end);
  if (limits.maxUploadSize > 0 && least > limits.maxUploadSize) {
    throw new FxferError("too_large", "Cannot take file: larger than max_upload_size", {
      fields: { limit: limits.maxUploadSize },
      limit: "max_upload_size",
    });
  }
  if (limits.sessionQuota > 0 && record.totalBytes + least > limits.sessionQuota) {
    throw new FxferError("quota_exceeded", "Cannot take file: the session's quota is used up", {
      fields: { limit: limits.sessionQuota },
      limit: "session_quota",
    });
  }
}
