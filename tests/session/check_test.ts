import assert from "node:assert/strict";
import { execute, faultOf, openUpload, type SessionRecord } from "../../src/session/mod.ts";
import { pure, sample, sampleRun, sampleUpload, T0 } from "./samples.ts";

/** A record with something in every field that may be empty. */
function full(): SessionRecord {
  const record = execute(sample({ tokenHash: "ab".repeat(32) }), sampleRun(1));
  const upload = sampleUpload({ uploadId: "u", length: 9, name: "a\u0000\ud800" });
  return {
    ...openUpload(record, upload, T0),
    takeovers: [T0],
    detachedAt: T0,
    endedAt: T0,
    intent: {
      sequence: 2,
      fingerprint: "f",
      temporaryPath: "t",
      finalPath: "f",
      size: 9,
      sha256: "ab",
      mimeType: "image/png",
    },
    moved: { address: "[::1]:1", ticket: "t" },
    principal: "token",
  };
}

pure("faultOf() finds no fault in what the session layer makes", () => {
  for (const record of [sample(), full(), openUpload(sample(), sampleUpload(), T0)]) {
    assert.equal(faultOf(record), undefined);
    assert.equal(faultOf(JSON.parse(JSON.stringify(record))), undefined);
  }
});

pure("faultOf() names each field that is missing, or of another type", () => {
  const record = full();
  const optional = new Set(["clock", "moved", "principal"]);
  for (const field of Object.keys(record) as (keyof SessionRecord)[]) {
    const { [field]: _, ...without } = record;
    assert.equal(faultOf(without), optional.has(field) ? undefined : field);
    for (const wrong of [{}, [{}], true, "", -1, NaN]) {
      if (wrong === "" && (field === "instance" || field === "clock")) continue; // Any text is a name.
      if (wrong === -1 && typeof record[field] === "number") continue; // Some times may be negative.
      assert.equal(faultOf({ ...record, [field]: wrong }), field, `${field} ${wrong}`);
    }
  }
});

pure("faultOf() looks into the open file, the intent and the kept replies", () => {
  const record = full();
  const wrong = {
    upload: { ...record.upload, offset: -1 },
    intent: { ...record.intent, finalPath: "" },
    ring: [{ ...record.ring.at(0), reply: null }],
  };
  for (const [field, value] of Object.entries(wrong)) {
    assert.equal(faultOf({ ...record, [field]: value }), field);
  }
  for (const value of [null, undefined, "text", 1, [], [record]]) {
    assert.ok(faultOf(value) !== undefined);
  }
});
