/** What the README says, held against the program. @module */
import assert from "node:assert/strict";
import { run } from "../src/cli/mod.ts";
import { screens } from "./cli/screen.ts";
import { README, ROOT, shellCommands, textBlock } from "./helpers/readme.ts";

Deno.test("The README is short, and has the commands for whoever has only Node", () => {
  assert.ok(README.trimEnd().split("\n").length <= 160);
  for (const task of ["demo", "test"]) {
    assert.ok(README.split("\n").includes(`npx -y deno@2.9.6 task ${task}`), task);
  }
});

Deno.test("Every task that the README names exists", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const named = [...README.matchAll(/deno(?:@[\d.]+)? task ([\w:]+)/g)].map(([, task]) => task!);
  assert.ok(named.includes("compile"));
  for (const task of named) assert.ok(Object.hasOwn(tasks, task), task);
});

Deno.test("Every command and topic that the README names exists", async () => {
  const code = [...README.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!);
  const asked = [...shellCommands(), ...code].flatMap((
    text,
  ) => [...text.matchAll(/\bfxfer (help )?([a-z][a-z-]*)/g)]).map(([, help, word]) =>
    help === undefined ? [word!, "--help"] : ["help", word!]
  );
  assert.ok(asked.length > 10);
  for (const args of asked) {
    const { output, err } = screens();
    assert.deepEqual([await run(args, output), err.text], [0, ""]);
  }
});

Deno.test("The README leads to every topic of the help", async () => {
  const { output, out } = screens();
  await run(["help"], output);
  const topics = /^Topics:\n([^]*?)\n\n/m.exec(out.text)![1]!.matchAll(/^ {2}(\S+)/gm);
  const names = [...topics].map(([, name]) => name!);
  assert.ok(names.length >= 7);
  for (const name of names) assert.ok(README.includes(`\`fxfer help ${name}\``), name);
});

Deno.test("The README's picture is that of the server's connection", async () => {
  const connection = await Deno.readTextFile(new URL("src/server/connection.ts", ROOT));
  const picture = textBlock("The one picture");
  assert.equal(picture.length, 2);
  for (const line of picture) assert.ok(connection.includes(line), line);
});

Deno.test("Every folder of src/ says in its mod.ts what it is for", async () => {
  const folders = [...Deno.readDirSync(new URL("src", ROOT))].filter((entry) => entry.isDirectory);
  assert.ok(folders.length > 10);
  for (const { name } of folders) {
    const text = await Deno.readTextFile(new URL(`src/${name}/mod.ts`, ROOT));
    assert.match(text, /^\/\*\*[^]*?@module\s*\*\//, name);
  }
});

Deno.test("The links of the README lead somewhere", async () => {
  for (const [, path] of README.matchAll(/\]\(([^)#:]+)\)/g)) {
    assert.ok((await Deno.stat(new URL(path!, ROOT))).isFile, path);
  }
});
