/** The steps that most end-to-end tests of sessions begin and end with. @module */
import assert from "node:assert/strict";
import { sha256, storedSha256 } from "./files.ts";
import type { Program } from "./program.ts";
import type { Json } from "./raw_frame.ts";
import { RawPeer, type RawReply } from "./raw_peer.ts";

/** Opens a connection with a new session. */
export async function session(server: { port: number }, data: Json = {}): Promise<RawPeer> {
  const peer = await RawPeer.open(server);
  const reply = await peer.connect(data);
  assert.equal(reply.data.code, "session_created", JSON.stringify(reply.data));
  return peer;
}

/** A connection that was re-attached. */
export interface Resumed {
  readonly peer: RawPeer;
  /** What the server has of an unfinished file; null when there is none. */
  readonly upload: Json | null;
  readonly reply: RawReply;
}

/** Opens a connection and re-attaches to a session; fails unless it is resumed. */
export async function resume(
  server: { port: number },
  id: string | null,
  data: Json = {},
): Promise<Resumed> {
  const peer = await RawPeer.open(server);
  const reply = await peer.connect(data, id);
  assert.equal(reply.data.code, "session_resumed", JSON.stringify(reply.data));
  return { peer, upload: reply.data.upload, reply };
}

/** Fails unless a reply is an ok whose file, as it is on disk, is these bytes. */
export async function assertStored(
  server: Program,
  data: Json,
  bytes: Uint8Array,
): Promise<void> {
  assert.equal(data.code, "ok", JSON.stringify(data));
  assert.equal(data.file.size, bytes.length);
  assert.equal(data.file.sha256, sha256(bytes));
  assert.equal(await storedSha256(server.storage, data.file.path), data.file.sha256);
}
