/** Sends one message by the rules of Standard Webhooks. @module */
import { signatureOf } from "./signature.ts";

/** Where messages go, and what signs them. */
export interface Receiver {
  readonly url: string;
  /** By `parseSecret`. */
  readonly secret: Uint8Array;
}

/**
 * Posts a message and returns the status of the answer, whose body is not read.
 *
 * @param id The same for each try of one message.
 * @throws What keeps the answer away, and what `signal` is aborted with.
 */
export async function post(
  { url, secret }: Receiver,
  id: string,
  message: { readonly type: string; readonly timestamp: number; readonly data: unknown },
  signal: AbortSignal,
): Promise<number> {
  const sentAt = Math.floor(Date.now() / 1000);
  const { type, timestamp, data } = message;
  const body = JSON.stringify({ type, timestamp: new Date(timestamp).toISOString(), data });
  const response = await fetch(url, {
    method: "POST",
    body,
    redirect: "manual",
    signal,
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(sentAt),
      "webhook-signature": signatureOf(secret, id, sentAt, body),
    },
  });
  await response.body?.cancel();
  return response.status;
}
