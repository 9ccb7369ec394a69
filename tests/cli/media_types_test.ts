import assert from "node:assert/strict";
import rows from "npm:mime-db@1.54.0/db.json" with { type: "json" };
import types from "npm:mime-types@3.0.2";
import { loadTypes } from "../../src/cli/send/media_types.ts";

Deno.test("every extension of mime-db has the media type that the package mime-types gives it", async () => {
  const typeOf = await loadTypes();
  const known = Object.values(rows as Record<string, { extensions?: string[] }>)
    .flatMap(({ extensions = [] }) => extensions);
  assert.ok(known.length > 1000);
  for (const extension of known) {
    const name = `a.${extension}`;
    assert.equal(typeOf(name), types.lookup(name), name);
  }
});

Deno.test("a name without a known extension has the media type of any bytes", async () => {
  const typeOf = await loadTypes();
  for (const name of ["c", "a.", ".txt", "a.nosuchtype", "a.constructor", "a.__proto__"]) {
    assert.equal(typeOf(name), "application/octet-stream", name);
  }
  assert.equal(typeOf("A.JPG"), "image/jpeg");
});
