import assert from "node:assert/strict";
import { type Code, CODES } from "../../src/errors.ts";
import type { ReplyBody } from "../../src/protocol/mod.ts";
import { outcomeOf, termsOf } from "../../src/client/replies.ts";
import { pure } from "../helpers/pure.ts";

const id = "3f8e1f2a-6f0a-4a52-9c0b-3a6d5c1e9f10";

function judged(body: ReplyBody, complete = true, mode: "stateful" | "stateless" = "stateful") {
  const data = { offset: 100, complete, cancel: false, uploadId: id };
  return outcomeOf({ file: { uploadId: id }, start: 100, end: 200, data }, body, mode);
}

pure("outcomeOf() has an answer for every code, by its class", () => {
  for (const code of Object.keys(CODES) as Code[]) {
    const { kind } = judged({ code });
    const { class: kindOfCode } = CODES[code];
    if (kindOfCode === "success") assert.equal(kind, "stored", code);
    if (kindOfCode === "retry") assert.equal(kind, "again", code);
    if (kindOfCode === "fatal") assert.equal(kind, "failed", code);
    if (kindOfCode === "resync") {
      assert.equal(kind, code === "checksum_mismatch" ? "failed" : "again", code);
    }
  }
});

pure("a part is acknowledged, a file is stored, and a file known before is stored at once", () => {
  const file = { path: "a", size: 200, sha256: "0".repeat(64), mime_type: "a/b" };
  assert.deepEqual(judged({ code: "partial" }, false), { kind: "acknowledged" });
  assert.deepEqual(judged({ code: "ok", file }, true), { kind: "stored" });
  assert.deepEqual(judged({ code: "ok", file, replayed: true }, false), { kind: "stored" });
});

pure("offset_mismatch goes to the offset named, or makes another file give way (S-TRF-1)", () => {
  const at = (body: object) => judged({ code: "offset_mismatch", ...body });
  assert.deepEqual(at({ offset: 40 }), { kind: "again", offset: 40 });
  assert.deepEqual(at({ offset: 40, upload_id: id }), { kind: "again", offset: 40 });
  assert.deepEqual(at({ offset: 0, upload_id: null }), { kind: "again", offset: 0 });
  const other = { kind: "again", offset: 0, blockedBy: { uploadId: "other" } };
  assert.deepEqual(at({ offset: 40, upload_id: "other" }), other);
  const nameless = { kind: "again", offset: 0, blockedBy: { uploadId: undefined } };
  assert.deepEqual(at({ offset: 40, upload_id: null }), nameless);
});

pure("a store lost in mid-frame keeps what came (S-DEG-2)", () => {
  const at = (offset: number) => judged({ code: "store_unavailable", offset });
  assert.deepEqual(at(150), { kind: "again", offset: 150 });
  assert.deepEqual(at(50), { kind: "again", offset: 100 });
  const stateless = judged({ code: "store_unavailable", offset: 150 }, true, "stateless");
  assert.deepEqual(stateless, { kind: "again", offset: 100 });
});

pure("replay_too_old: a part is taken as done, a whole file starts over (S-TRF-9)", () => {
  assert.deepEqual(judged({ code: "replay_too_old" }, false), { kind: "acknowledged" });
  assert.deepEqual(judged({ code: "replay_too_old" }, true), { kind: "again", offset: 0 });
});

pure(
  "S-CON-6 a server that states no max_inflight takes more requests outside of sessions than in one",
  () => {
    const body = { code: "ok" } as const;
    assert.equal(termsOf(body, true).maxInflight, 256);
    assert.equal(termsOf(body, false).maxInflight, 1600);
    for (const inSession of [true, false]) {
      assert.equal(termsOf({ ...body, max_inflight: 7 }, inSession).maxInflight, 7);
    }
  },
);
