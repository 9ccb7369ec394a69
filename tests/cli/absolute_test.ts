import assert from "node:assert/strict";
import { resolve } from "node:path";
import { absolutePath } from "../../src/cli/absolute.ts";

Deno.test("absolutePath() is resolve() for every kind of path, whatever was asked before", () => {
  const folders = ["", "a/", "a//b/", "./", "../", "/", "/a/../b/", "a\\b/", "/a/./"];
  const names = ["", ".", "..", "...", "f", "f.txt", "C:f", "a\\b", "über"];
  for (let round = 0; round < 2; round++) {
    for (const folder of folders) {
      for (const name of names) {
        assert.equal(absolutePath(folder + name), resolve(folder + name), folder + name);
      }
    }
  }
});
