/** What the README says, held against the program. @module */
import assert from "node:assert/strict";
import { run } from "../src/cli/mod.ts";
import { SETTINGS } from "../src/config/mod.ts";
import { CODES } from "../src/errors.ts";
import { screens } from "./cli/screen.ts";

const ROOT = new URL("../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", ROOT));

/** The cells of every table row. */
const rows = readme.split("\n").filter((line) => line.startsWith("| "))
  .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));

Deno.test("The README lists every setting with its default", () => {
  const shown = rows.map(([key, value]) => [key, value]).filter(([key]) =>
    /^`\w+\.\S+`$/.test(key!)
  );
  const settings = [...SETTINGS].map(([path, entry]) => [`\`${path}\``, `\`${entry.default}\``]);
  assert.deepEqual(shown, settings);
});

Deno.test("The README lists every exit code", () => {
  const shown = rows.map(([code]) => code!).filter((code) => /^\d+$/.test(code)).map(Number);
  const used = new Set(Object.values(CODES).map(({ exit }) => exit));
  assert.deepEqual(shown, [...used].sort((a, b) => a - b));
});

Deno.test("The README names every folder of src/ and every task that exists", async () => {
  const folders = [...Deno.readDirSync(new URL("src", ROOT))].filter((entry) => entry.isDirectory);
  for (const { name } of folders) assert.ok(rows.some(([cell]) => cell === name), name);
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  for (const [, task] of readme.matchAll(/deno(?:@[\d.]+)? task (\w+)/g)) {
    assert.ok(Object.hasOwn(tasks, task!), task);
  }
});

Deno.test("The README names every command", async () => {
  const { output, out } = screens();
  await run(["--help"], output);
  const commands = [...out.text.split("Flags:")[0]!.matchAll(/^ {2}([a-z]+) {2}/gm)];
  assert.ok(commands.length > 5);
  for (const [, name] of commands) assert.ok(rows.some(([cell]) => cell === `\`${name}\``), name);
});

Deno.test("The README's picture is that of the server's connection", async () => {
  const connection = await Deno.readTextFile(new URL("src/server/connection.ts", ROOT));
  const picture = /```text\n([^`]*)```/.exec(readme)?.[1] ?? "";
  assert.notEqual(picture, "");
  for (const line of picture.trimEnd().split("\n")) assert.ok(connection.includes(line), line);
});

Deno.test("The links of the README lead somewhere", async () => {
  for (const [, path] of readme.matchAll(/\]\(([^)#:]+)\)/g)) {
    assert.ok((await Deno.stat(new URL(path!, ROOT))).isFile, path);
  }
});
