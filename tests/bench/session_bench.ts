/** The exactly-once rules, which every request of a session runs through: `deno bench tests/bench/session_bench.ts`. @module */
import {
  createSession,
  execute,
  fingerprint,
  judge,
  remember,
  type RequestFacts,
  type SessionRecord,
} from "../../src/session/mod.ts";

const ID = "3f2b8c1e-9d4a-4c6b-8e1f-0a2b3c4d5e6f";
const NOW = 1_700_000_000_000;
const WINDOW = 256;

const plain: RequestFacts = {
  action: "transfer",
  mimeType: "application/octet-stream",
  complete: true,
  end: 1024,
  principal: "session",
};
const named: RequestFacts = {
  ...plain,
  uploadId: ID,
  name: "holiday.png",
  length: 1024,
  sha256: "ab".repeat(32),
};
const print = fingerprint(plain);
const file = {
  path: `session_${ID}/file_12_20250101T000000000Z.bin`,
  size: 1024,
  sha256: "ab".repeat(32),
  mime_type: "application/octet-stream",
};
const reply = { code: "ok", file, durability: "process" };

/** The session after one more request. */
function ran(record: SessionRecord): SessionRecord {
  return execute(record, {
    sequence: record.lastSequence + 1,
    fingerprint: print,
    reply,
    upload: null,
    storedBytes: 1024,
    storedFiles: 1,
    maxInflight: WINDOW,
    now: NOW,
    input: "transfer",
  });
}

let session = createSession({
  id: ID,
  now: NOW,
  tokenHash: null,
  clientAddress: "127.0.0.1",
  instance: "one",
  keepaliveMs: 30_000,
  expiryMs: 300_000,
});
for (let i = 0; i < 2 * WINDOW; i++) session = ran(session);
const full = session;
const last = full.lastSequence;

Deno.bench("fingerprint a request without session data", () => {
  fingerprint(plain);
});
Deno.bench("fingerprint a request with every fact", () => {
  fingerprint(named);
});
Deno.bench("judge the next request", () => {
  judge(full, last + 1, print);
});
Deno.bench("judge a repeated request: the oldest reply kept", () => {
  judge(full, last - WINDOW + 1, print);
});
Deno.bench("judge a gap: an error is made", () => {
  judge(full, last + 9, print);
});
let { ring } = full;
Deno.bench("remember a reply in a full ring", () => {
  ring = remember(ring, { sequence: last + 1, fingerprint: print, reply }, WINDOW);
});
Deno.bench("execute: the record after a request", () => {
  session = ran(session);
});
Deno.bench("all a request costs: fingerprint, judge, execute", () => {
  const print = fingerprint(named);
  if (judge(session, session.lastSequence + 1, print).kind === "run") session = ran(session);
});
