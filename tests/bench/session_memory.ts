/**
 * The bytes of a session in the memory store, measured after garbage collection:
 * `deno run --v8-flags=--expose-gc tests/bench/session_memory.ts`.
 *
 * @module
 */
import { createOutput } from "../../src/terminal/output.ts";
import { createSession, detach, execute, type SessionRecord } from "../../src/session/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";

const SESSIONS = 10_000;
const NOW = 1_700_000_000_000;

function created(): SessionRecord {
  return createSession({
    id: crypto.randomUUID(),
    now: NOW,
    tokenHash: null,
    clientAddress: "127.0.0.1",
    instance: crypto.randomUUID(),
    keepaliveMs: 30_000,
    expiryMs: 300_000,
  });
}

/** A session that sent `files` files, with the replies it keeps as the server makes them. */
function used(files: number): SessionRecord {
  let record = created();
  for (let sequence = 1; sequence <= files; sequence++) {
    const sha256 = record.id.replaceAll("-", "").repeat(2);
    const path = `session_${record.id}/file_${sequence}_20250101T000000000Z.bin`;
    const file = { path, size: 1024, sha256, mime_type: "application/octet-stream" };
    record = execute(record, {
      sequence,
      fingerprint: `transfer c1024/- 24:application/octet-stream----9:${record.id}`,
      reply: { code: "ok", file, offset: 1024, durability: "process" },
      upload: null,
      storedBytes: 1024,
      storedFiles: 1,
      maxInflight: 16,
      now: NOW + sequence,
      input: "transfer",
    });
  }
  return record;
}

/** Bytes of the heap after everything that can go has gone. */
function heap(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot measure memory: run with --v8-flags=--expose-gc");
  gc();
  gc();
  return Deno.memoryUsage().heapUsed;
}

async function bytesEach(make: () => SessionRecord): Promise<number> {
  await using store = new MemorySessionStore();
  const before = heap();
  for (let i = 0; i < SESSIONS; i++) {
    // As the first version of its id, which is all that the store wants to see.
    const saved = await store.save({ ...detach(make(), NOW + 1000), version: 1 });
    if (!saved) throw new Error("Cannot measure memory: the store refused a session");
  }
  return Math.round((heap() - before) / SESSIONS);
}

const { out } = createOutput();
await bytesEach(created); // once before: compiled code is no session
const fresh = await bytesEach(created);
const full = await bytesEach(() => used(16));
out.line(`A session in the memory store: ${fresh} bytes when new, ${full} with 16 kept replies`);
