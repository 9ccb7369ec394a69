/** Asks for a file that an earlier run has stored. @module */
import type { Client, SendResult } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import { digestOf } from "./digest.ts";
import { isOtherFile } from "./failures.ts";
import type { FileToSend } from "./file_to_send.ts";
import type { Journal } from "./journal.ts";
import type { SendReport } from "./report.ts";

/**
 * Asks the server whether it still has a file that an earlier run has stored; undefined if not, or if
 * the file has other bytes now. The question has no bytes, but the upload id and the digest (S-TRF-9):
 * a server that has the file says so, and to one that has not, no bytes have another digest (S-TRF-5).
 */
export async function askFor(
  client: Client,
  target: FileToSend,
  { report, journal, connect: { signal } }: {
    readonly report: SendReport;
    readonly journal: Journal;
    readonly connect: { readonly signal: AbortSignal };
  },
): Promise<SendResult | undefined> {
  const uploadId = journal.uploadId(target);
  const sha256 = await digestOf(target.path, signal, (bytes) => report.checked(target, bytes));
  if (sha256 !== journal.storedAs(target)) {
    report.say(`${target.label} has changed since the run before: it starts over`);
    journal.renew(target);
    return undefined;
  }
  try {
    return await client.send(new Uint8Array(), { uploadId, sha256 });
  } catch (error) {
    if (isOtherFile(error)) return undefined;
    if (!(error instanceof FxferError) || error.code !== "checksum_mismatch") throw error;
    const file = error.fields.file as SendResult["file"];
    if (file === undefined) return undefined;
    const counts = { attempts: 1, resumedFrom: [] };
    return { file, sha256, confirmed: true, replayed: true, existing: false, ...counts };
  }
}
