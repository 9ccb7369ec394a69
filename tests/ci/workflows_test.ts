/** What the workflows run of others is pinned, byte for byte: a tag can be moved, a digest cannot. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listFiles } from "../helpers/files.ts";

const GITHUB = fileURLToPath(new URL("../../.github", import.meta.url));

/** `owner/action@<digest of a commit> # v1.2.3`, also of an action below a folder. */
const PINNED = /^[\w.-]+(?:\/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;

/** What stands behind each `uses:` of a workflow, in any way that YAML can say it. */
function usesOf(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  return lines.flatMap((line) => /(?:^|[\s{,"'-])uses["']?\s*:\s*(.*)$/.exec(line)?.[1] ?? []);
}

/** Those that are not pinned. Actions of this repository need no pin: they are of the same commit. */
function unpinned(text: string): string[] {
  return usesOf(text).filter((used) => !used.startsWith("./") && !PINNED.test(used));
}

Deno.test("Every action of every workflow is pinned by the digest of a commit, and says its version", async () => {
  const paths = (await listFiles(GITHUB)).filter((path) =>
    /^(workflows|actions)\/.*\.ya?ml$/.test(path)
  );
  let found = 0;
  for (const path of paths) {
    const text = await Deno.readTextFile(`${GITHUB}/${path}`);
    found += usesOf(text).length;
    assert.deepEqual(unpinned(text), [], path);
  }
  assert.ok(found > 0, "no workflow uses an action: this test looks in the wrong place");
});

Deno.test("A tag, a branch, a short digest and a digest without its version are no pins", () => {
  const digest = "0123456789abcdef0123456789abcdef01234567";
  const bad = [
    "- uses: owner/action@v4",
    "- uses: owner/action@main",
    "  uses: owner/action@0123456 # v4.0.0",
    `  uses: owner/action@${digest}`,
    `  uses: owner/action@${digest} # v4`,
    `  uses: "owner/action@v4"`,
    `- { name: x, uses: owner/action@v4 }`,
    `- "uses": owner/action@v4`,
    "- uses: docker://debian:12",
  ];
  for (const line of bad) assert.equal(unpinned(line).length, 1, line);
  const good = [
    `- uses: owner/action@${digest} # v4.1.0`,
    `  uses: owner/action/below/it@${digest} # v4.1.0`,
    "- uses: ./.github/actions/own",
    "# - uses: owner/action@v4",
    "- run: echo this reuses: nothing",
  ];
  for (const line of good) assert.deepEqual(unpinned(line), [], line);
});
