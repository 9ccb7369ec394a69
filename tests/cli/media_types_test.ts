import assert from "node:assert/strict";
import rows from "npm:mime-db@1.54.0/db.json" with { type: "json" };
import types from "npm:mime-types@3.0.2";
import { COMMON, MediaTypes, UNKNOWN_TYPE } from "../../src/cli/send/media_types.ts";

const EXTENSIONS = Object.values(rows as Record<string, { extensions?: string[] }>)
  .flatMap(({ extensions = [] }) => extensions);

Deno.test("every extension of mime-db has the media type that the package mime-types gives it", async () => {
  const media = new MediaTypes();
  await media.load();
  assert.ok(EXTENSIONS.length > 1000);
  for (const extension of EXTENSIONS) {
    const name = `a.${extension}`;
    assert.equal(media.of(name), types.lookup(name), name);
  }
});

Deno.test("the extensions that are known without the table have the same media types", () => {
  const media = new MediaTypes();
  const common = Object.values(COMMON).flatMap((extensions) => extensions.split(" "));
  assert.equal(new Set(common).size, common.length);
  for (const extension of common) {
    const name = `a.${extension}`;
    assert.equal(media.of(name), types.lookup(name) || UNKNOWN_TYPE, name);
  }
  for (const name of ["A.JPG", "a.Jpeg"]) assert.equal(media.of(name), "image/jpeg");
});

Deno.test("a name without a known extension has the media type of any bytes", async () => {
  const media = new MediaTypes();
  for (const name of ["a.nosuchtype", "a.fig"]) {
    assert.equal(media.of(name), undefined, "before the table is loaded");
  }
  for (const name of ["c", ".txt"]) assert.equal(media.of(name), "application/octet-stream");
  await media.load();
  assert.equal(media.of("a.fig"), "application/x-xfig");
  for (const name of ["c", "a.", ".txt", "a.nosuchtype", "a.constructor", "a.__proto__"]) {
    assert.equal(media.of(name), "application/octet-stream", name);
  }
});
