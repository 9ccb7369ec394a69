/** What must hold before a transfer's payload is read (S-TRF-1, S-TRF-2): pure. @module */
import { FxferError } from "../errors.ts";
import type { TransferRequest } from "../protocol/mod.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { StatefulOptions } from "./services.ts";

/**
 * Checks a transfer frame against the session's open file and the limits.
 *
 * @throws {FxferError} `too_large`, `offset_mismatch` with the right `offset`, `length_mismatch`,
 * `quota_exceeded`: nothing was written, and the sequence does not advance.
 */
export function admit(
  { maxRequestSize, maxUploadSize, sessionQuota }: StatefulOptions,
  { upload: open, totalBytes }: SessionRecord,
  { header: { size }, data }: TransferRequest,
): void {
  if (size > maxRequestSize) {
    throw new FxferError("too_large", "Cannot take frame: larger than max_request_size", {
      fields: { limit: maxRequestSize },
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
    const text = "Cannot take frame: it does not fit the file's length";
    const fields = { length: open?.length ?? length ?? null };
    throw new FxferError("length_mismatch", text, { fields });
  }
  const least = Math.max(length ?? 0, end);
  if (maxUploadSize > 0 && least > maxUploadSize) {
    throw new FxferError("too_large", "Cannot take file: larger than max_upload_size", {
      fields: { limit: maxUploadSize },
      limit: "max_upload_size",
    });
  }
  if (sessionQuota > 0 && totalBytes + least > sessionQuota) {
    throw new FxferError("quota_exceeded", "Cannot take file: the session's quota is used up", {
      fields: { limit: sessionQuota },
      limit: "session_quota",
    });
  }
}
