import assert from "node:assert/strict";
import type { FxferError } from "../../src/errors.ts";
import {
  HAND_OVER_MS,
  type HandOver,
  importMigrationKey,
  MAX_HAND_OVER_MS,
  openHandOver,
  seal,
  sealHandOver,
  unseal,
} from "../../src/migration/hand_over.ts";
import { code } from "../helpers/errors.ts";
import { sample } from "../session/samples.ts";

const pure = { permissions: "none" } as const;
const NOW = 1_800_000_000_000;
const ME = { address: "b.example:65432", now: NOW };
const secret = new Uint8Array(32).fill(7);
const key = await importMigrationKey(secret);

const HAND_OVER: HandOver = {
  to: ME.address,
  issuedAt: NOW - 1000,
  expiresAt: NOW - 1000 + HAND_OVER_MS,
  session: {
    ...sample(),
    tokenHash: "ab".repeat(32),
    principal: "token",
    ring: [{ sequence: 1, fingerprint: "transfer", reply: { code: "ok" } }],
    upload: {
      openedBy: 2,
      sequence: 2,
      offset: 4096,
      length: 9000,
      mimeType: "image/png",
      name: "schön.png",
      temporaryPath: ".incoming/x.part",
      finalPath: "y",
    },
  },
  partial: { size: 4096, sha256: "cd".repeat(32) },
};

const open = async (changes: Partial<HandOver>, now = NOW) =>
  await openHandOver(await sealHandOver({ ...HAND_OVER, ...changes }, key), key, { ...ME, now });

Deno.test(
  "openHandOver() gives back what was sealed, on one line of plain characters",
  pure,
  async () => {
    const line = await sealHandOver(HAND_OVER, key);
    assert.match(line, /^fxfer-session\.1\.[\w-]+\.[\w-]{43}$/);
    assert.deepEqual(await openHandOver(line, key, ME), HAND_OVER);
  },
);

Deno.test(
  "unseal() refuses a line with any one character changed, added or missing",
  pure,
  async () => {
    const line = await seal("a session, say", key);
    assert.equal(await unseal(line, key), "a session, say");
    for (let at = 0; at < line.length; at++) {
      const next = String.fromCharCode(line.charCodeAt(at) + 1);
      const other = line[at] === "A" ? "B" : "A";
      for (const changed of [other, next, "", line[at] + other, "."]) {
        if (changed === line[at]) continue;
        const forged = line.slice(0, at) + changed + line.slice(at + 1);
        await assert.rejects(unseal(forged, key), (error: FxferError) => {
          return ["unauthorized", "malformed_header"].includes(error.code);
        }, `${at}: ${forged}`);
      }
    }
  },
);

Deno.test(
  "unseal() refuses another key, and tells a stranger's file from a forged one",
  pure,
  async () => {
    const line = await seal("text", key);
    const other = await importMigrationKey(new Uint8Array(32).fill(8));
    await assert.rejects(unseal(line, other), code("unauthorized"));
    for (const stranger of ["", "hello", line.replace(".1.", ".2."), `${line}\r`]) {
      await assert.rejects(unseal(stranger, key), code("malformed_header"));
    }
  },
);

Deno.test(
  "importMigrationKey() refuses a secret that is too short, and gives none back",
  pure,
  async () => {
    await assert.rejects(importMigrationKey(new Uint8Array(31)), RangeError);
    assert.equal(key.extractable, false);
    await assert.rejects(crypto.subtle.exportKey("raw", key));
  },
);

Deno.test(
  "openHandOver() refuses what is for another server, and says for which",
  pure,
  async () => {
    await assert.rejects(open({ to: "c.example:65432" }), (error: FxferError) => {
      assert.match(error.message, /it is for c\.example:65432/);
      return code("invalid_field")(error);
    });
  },
);

Deno.test(
  "openHandOver() refuses it after its time, before it, and with too much of it",
  pure,
  async () => {
    const { issuedAt, expiresAt } = HAND_OVER;
    await open({}, expiresAt - 1);
    await assert.rejects(open({}, expiresAt), code("session_expired"));
    // The clocks may differ by five minutes.
    await open({}, issuedAt - 300_000);
    await assert.rejects(open({}, issuedAt - 300_001), code("session_expired"));
    await open({ expiresAt: issuedAt + MAX_HAND_OVER_MS });
    const forever = { expiresAt: issuedAt + MAX_HAND_OVER_MS + 1 };
    await assert.rejects(open(forever), code("session_expired"));
  },
);

Deno.test("openHandOver() refuses a record a server could not work with", pure, async () => {
  const { session } = HAND_OVER;
  const faults: Record<string, Partial<Record<string, unknown>>> = {
    id: { id: "../../etc" },
    epoch: { epoch: -1 },
    tokenHash: { tokenHash: null },
    ring: { ring: [{ sequence: 1, fingerprint: "x", reply: null }] },
    lastSequence: { lastSequence: "3" },
    intent: { intent: {} },
    moved: { moved: { address: "c:1", ticket: "t" } },
    principal: { principal: undefined },
    mimeType: { upload: { ...session.upload, mimeType: 7 } },
    offset: { upload: { ...session.upload, offset: 4095 } },
  };
  for (const [field, fault] of Object.entries(faults)) {
    const forged = { ...session, ...fault } as typeof session;
    await assert.rejects(open({ session: forged }), (error: FxferError) => {
      assert.deepEqual(error.fields, { field });
      return code("invalid_field")(error);
    });
  }
  await assert.rejects(open({ partial: null }), code("invalid_field"));
  await assert.rejects(open({ session: null! }), code("invalid_field"));
});
