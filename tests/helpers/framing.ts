/** What the tests of the framing share: bytes that are sent, and the replies to them. @module */
import assert from "node:assert/strict";
import type { Program } from "./program.ts";
import type { Json } from "./raw_frame.ts";
import { RawPeer, type RawReply } from "./raw_peer.ts";

/** Sends bytes and their end; returns every reply. */
export async function replies(
  server: Program,
  ...parts: readonly (Uint8Array | string)[]
): Promise<RawReply[]> {
  using peer = await RawPeer.open(server);
  await peer.send(...parts).catch(() => {});
  await peer.halfClose().catch(() => {});
  return await peer.replies();
}

/** Sends what cannot be framed; fails unless the one reply has this code and the connection ends. */
export async function assertFault(
  server: Program,
  code: string,
  ...parts: readonly (Uint8Array | string)[]
): Promise<Json> {
  using peer = await RawPeer.open(server);
  await peer.send(...parts);
  const { header, data } = await peer.reply();
  assert.equal(data.code, code);
  assert.equal(data.class, "fatal");
  assert.match(header.version, /^2\./);
  await peer.halfClose().catch(() => {});
  assert.equal(await peer.rest(), "", "nothing follows the reply");
  return data;
}
