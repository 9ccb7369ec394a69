/** What .github, deploy and the licence say, held against the repository. @module */
import assert from "node:assert/strict";
import { load } from "npm:js-yaml@4.1.1";
import { fileURLToPath } from "node:url";
import { listFiles } from "../helpers/files.ts";

const ROOT = new URL("../../", import.meta.url);
const GITHUB = new URL(".github/", ROOT);

const read = (path: string) => Deno.readTextFile(new URL(path, ROOT));

Deno.test("The licence is MIT, whole, and the package says the same", async () => {
  const licence = (await read("LICENSE")).replaceAll(/\s+/g, " ");
  assert.match(licence, /^MIT License Copyright \(c\) \d{4} the fxfer authors Permission is/);
  assert.match(licence, /THE SOFTWARE IS PROVIDED "AS IS".* DEALINGS IN THE SOFTWARE\. $/);
  assert.equal(JSON.parse(await read("deno.json")).license, "MIT");
});

Deno.test("The links of the pages beside the README lead somewhere", async () => {
  const pages = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map((page) => `.github/${page}`);
  for (const page of [...pages, "deploy/README.md"]) {
    for (const [, path] of (await read(page)).matchAll(/\]\(([^)#:]+)\)/g)) {
      const target = new URL(path!, new URL(page, ROOT));
      assert.ok(await Deno.stat(target).then(() => true, () => false), `${page}: ${path}`);
    }
  }
});

Deno.test("CONTRIBUTING names every task, and no path that is not there", async () => {
  const page = await read(".github/CONTRIBUTING.md");
  for (const task of Object.keys(JSON.parse(await read("deno.json")).tasks)) {
    assert.ok(page.includes(`\`deno task ${task}\``), task);
  }
  const paths = page.match(/\b(?:src|tests)\/[\w/.]*\w/g) ?? [];
  assert.ok(paths.length > 5);
  for (const path of paths) {
    assert.ok(await Deno.stat(new URL(path, ROOT)).then(() => true, () => false), path);
  }
});

Deno.test("Each package that src/ imports stands in CONTRIBUTING's table of dependencies", async () => {
  const page = await read(".github/CONTRIBUTING.md");
  const used = new Set<string>();
  for (const path of await listFiles(fileURLToPath(new URL("src", ROOT)))) {
    const text = await read(`src/${path}`);
    for (const [, name] of text.matchAll(/"npm:((?:@[^/"]+\/)?[^@/"]+)@/g)) used.add(name!);
  }
  assert.ok(used.size > 0);
  for (const name of used) assert.ok(page.includes(`\`npm:${name}\``), name);
});

Deno.test("The forms and the workflows are YAML, and each question of a form has its own id", async () => {
  const paths = (await listFiles(fileURLToPath(GITHUB))).filter((path) => path.endsWith(".yml"));
  assert.ok(paths.length > 3);
  for (const path of paths) {
    const form = load(await read(`.github/${path}`)) as {
      name?: string;
      description?: string;
      body?: { type: string; id?: string; attributes: { label?: string } }[];
    };
    if (!path.startsWith("ISSUE_TEMPLATE/") || path.endsWith("config.yml")) continue;
    assert.ok(form.name && form.description, path);
    const questions = form.body!.filter(({ type }) => type !== "markdown");
    assert.equal(new Set(questions.map(({ id }) => id)).size, questions.length, path);
    for (const { attributes } of questions) assert.ok(attributes.label, path);
  }
});
