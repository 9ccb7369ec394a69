import assert from "node:assert/strict";
import { loadExtensions } from "../../src/storage/media_types.ts";

const extension = await loadExtensions();

Deno.test("the extension comes from the media-type table (S-FRM-5)", () => {
  const wanted = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "text/plain": "txt",
    "text/html": "html",
    "application/pdf": "pdf",
    "application/json": "json",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "video/mp4": "mp4",
    "image/svg+xml": "svg",
    "application/octet-stream": "bin",
  };
  for (const [type, ext] of Object.entries(wanted)) assert.equal(extension(type), ext, type);
});

Deno.test("a type that is not in the table is bin, whatever its text (S-FRM-5)", () => {
  for (
    const type of [
      "x/y",
      "",
      "image/../../etc",
      "../x",
      "__proto__/x",
      "constructor",
      "image/png\n",
      "a/b.exe",
      "image/" + "p".repeat(300),
    ]
  ) {
    assert.match(extension(type), /^(bin|png)$/, type);
  }
  assert.equal(extension("constructor"), "bin");
});

Deno.test("thousands of invented types cost no memory that stays", () => {
  for (let i = 0; i < 5000; i++) assert.equal(extension(`x/type-${i}`), "bin");
  assert.equal(extension("image/png"), "png");
});
