/** What the parts of the client hand to each other: requests, a connection's end, a resumption. @module */
import type { FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { encodeRequest, type RequestInit } from "../protocol/mod.ts";
import type { TransferFrame } from "./outgoing_file.ts";
import type { SessionTotals } from "./types.ts";

/** One request, as the send queue hands it to a connection. `cancel` drops a partial file. */
export type ClientRequest =
  | TransferFrame
  | { readonly kind: "cancel"; readonly sequence: number; readonly uploadId: string | undefined }
  | { readonly kind: "heartbeat" | "disconnect"; readonly sequence: number };

/** What every request of a connection repeats in its header: the id is null without a session. */
export type RequestSession = Pick<RequestInit, "id" | "mode">;

/** The bytes of a request up to its payload. */
export function encodeHead(session: RequestSession, request: ClientRequest): Uint8Array {
  const { sequence } = request;
  if (request.kind === "transfer") {
    const { file: { mimeType }, start, end, data } = request;
    const size = end - start;
    return encodeRequest({ ...session, sequence, action: "transfer", mimeType, size, data });
  }
  if (request.kind === "cancel") {
    const data = omitUndefined({ cancel: true, uploadId: request.uploadId });
    return encodeRequest({ ...session, sequence, action: "transfer", data });
  }
  return encodeRequest({ ...session, sequence, action: request.kind });
}

/** Why a connection is of no more use, and what follows. */
export type ConnectionEnd =
  /** The session was ended as the program asked, or there was no session to end. */
  | { readonly kind: "closed"; readonly totals: SessionTotals | undefined }
  /** Another connection may go on where this one ended. */
  | { readonly kind: "lost"; readonly error: FxferError }
  /** No other connection would help: the client is over. */
  | { readonly kind: "fatal"; readonly error: FxferError };

/** What the server says of a session that it resumes (S-CON-2). */
export interface Resumption {
  readonly nextSequence: number;
  /** The file of which the server has a part; it has no id if the client that sent it gave none. */
  readonly openFile: { readonly uploadId: string | undefined; readonly offset: number } | undefined;
}
