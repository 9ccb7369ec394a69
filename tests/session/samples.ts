/** Records for tests, made only through the functions under test. @module */
import { FxferError } from "../../src/errors.ts";
import {
  createSession,
  type Execution,
  type SessionInit,
  type SessionRecord,
  type UploadRecord,
} from "../../src/session/mod.ts";

export { pure } from "../helpers/pure.ts";

/** When the samples begin. */
export const T0 = 1_700_000_000_000;

/** Terms of the samples. */
export const TERMS = {
  clientAddress: "192.0.2.7",
  instance: "one",
  keepaliveMs: 30_000,
  expiryMs: 300_000,
};

/** An id for each number. */
export function sampleId(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** A session that was just made. */
export function sample(init: Partial<SessionInit> = {}): SessionRecord {
  return createSession({ id: sampleId(1), now: T0, tokenHash: null, ...TERMS, ...init });
}

/** A file that is being received. */
export function sampleUpload(fields: Partial<UploadRecord> = {}): UploadRecord {
  return {
    openedBy: 1,
    sequence: 1,
    offset: 0,
    mimeType: "image/png",
    temporaryPath: ".incoming/a",
    finalPath: "session_1/file_1.png",
    ...fields,
  };
}

/** What a frame left that stored one file of 10 bytes. */
export function sampleRun(sequence: number, fields: Partial<Execution> = {}): Execution {
  return {
    sequence,
    fingerprint: `f${sequence}`,
    reply: { code: "ok", offset: sequence },
    upload: null,
    storedBytes: 10,
    storedFiles: 1,
    maxInflight: 4,
    now: T0 + sequence,
    input: "transfer",
    ...fields,
  };
}

/** A check for `assert.throws`: a coded error with this code and these fields. */
export function coded(code: string, fields: Record<string, unknown> = {}): (e: unknown) => boolean {
  return (error) =>
    error instanceof FxferError && error.code === code &&
    JSON.stringify(error.fields) === JSON.stringify(fields);
}
