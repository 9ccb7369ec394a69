/** Connects with a key, byte by byte, for tests that are no client. @module */
import { randomBytes } from "node:crypto";
import { connectKey, type Key, seal } from "../../src/keys/mod.ts";
import { encodeRequest, type Mode } from "../../src/protocol/mod.ts";

/** What a connect says. */
export interface ShownConnect {
  readonly mode?: Mode;
  readonly id?: string | null;
  readonly time?: number;
  readonly nonce?: string;
  readonly wantMac?: boolean;
}

/** A connect that shows a key. */
export function shownConnect({ name, secret }: Key, connect: ShownConnect = {}): Uint8Array {
  const { mode = "stateless", id = null, time = Date.now(), wantMac = false } = connect;
  const nonce = connect.nonce ?? randomBytes(16).toString("base64url");
  const auth = { key: name, nonce, time };
  const request = { id, mode, sequence: 0, action: "connect", auth, data: { wantMac } } as const;
  return seal(encodeRequest(request), connectKey(secret, "client"));
}
