/** `fxfer help`: the overview, the topics, and what it says to a word that is neither. @module */
import assert from "node:assert/strict";
import { run } from "../../src/cli/mod.ts";
import { runProgram } from "../../src/cli/program.ts";
import { CLIENT_PROGRAM } from "../../src/cli/roles/client.ts";
import { SERVER_PROGRAM } from "../../src/cli/roles/server.ts";
import { SETTINGS } from "../../src/config/mod.ts";
import { CODES } from "../../src/errors.ts";
import { screens } from "../cli/screen.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_W } from "../helpers/program.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = new URL("../../", import.meta.url);

const COMMANDS =
  "serve send get ls rm key session admin verify gc compact config doctor chaos conformance demo watch learn lab bench completions";
const TOPICS =
  "config exit-codes performance sandbox migration teaching wire files keys session tls";

/** What `fxfer help WORD` prints. */
async function help(...words: string[]): Promise<string> {
  const { output, out, err } = screens();
  assert.deepEqual([await run(["help", ...words], output), err.text], [0, ""]);
  return out.text;
}

/** The first words of the lines of a part of the overview. */
function namesIn(overview: string, part: string): string {
  const lines = overview.split(`${part}:\n`)[1]!.split("\n\n")[0]!;
  return [...lines.matchAll(/^ {2}([a-z-]+) {2}/gm)].map(([, name]) => name).join(" ");
}

Deno.test("fxfer help is as the transcript shows", async () => {
  const url = new URL("transcripts/help.txt", import.meta.url);
  const wanted = await Deno.readTextFile(url);
  let seen = "";
  for (const [line, args] of wanted.matchAll(/^\$ fxfer (.*)\n/gm)) {
    const { output, out, err } = screens();
    const code = await run(args!.split(" "), output);
    seen += `${line}${out.text}${err.text}exit ${code}\n\n`;
  }
  assert.equal(seen.trimEnd(), wanted.trimEnd());
});

Deno.test("The overview names every command and every topic, and each has a help of its own", async () => {
  const overview = await help();
  assert.equal(namesIn(overview, "Commands"), COMMANDS);
  assert.equal(namesIn(overview, "Topics"), TOPICS);
  for (const name of COMMANDS.split(" ")) {
    const { output, out } = screens();
    assert.equal(await run([name, "--help"], output), 0);
    assert.match(out.text, new RegExp(`^Usage: fxfer ${name}\\b`, "m"));
  }
  for (const name of TOPICS.split(" ")) assert.ok((await help(name)).length > 500, name);
});

Deno.test("A topic goes before the command of its name, and names it", async () => {
  for (const name of ["config", "session"]) {
    const last = (await help(name)).trimEnd().split("\n").at(-1);
    assert.equal(last, `The command of the same name: fxfer ${name} --help`);
  }
});

Deno.test("The program shows each topic in the sandbox, as plain text of at most 100 columns", async () => {
  await using folder = await TempDir.make();
  for (const name of TOPICS.split(" ")) {
    const { code, out, err } = await fxfer(["help", name], { flags: FLAGS_W, cwd: folder.path });
    assert.deepEqual([code, err], [0, ""], name);
    assert.equal(out, await help(name));
    const lines = out.split("\n");
    assert.deepEqual(lines.filter((line) => [...line].length > 100), []);
    assert.ok(!out.includes("\x1b"), "no colours");
    // Nothing of a comment, nothing of Markdown but backticks, and no space at an end.
    assert.deepEqual(lines.filter((line) => /^ ?\* |\{@|```|^#|\*\*|\\\||\s$/.test(line)), []);
  }
});

Deno.test("help wire and help session show every rule of their module, in its order", async () => {
  const ids = (text: string) => text.match(/\bS-[A-Z]+-\d+\b/g) ?? [];
  for (
    const [topic, path] of [["wire", "src/protocol/mod.ts"], ["session", "src/session/mod.ts"]]
  ) {
    const source = await Deno.readTextFile(new URL(path!, ROOT));
    const rules = ids(/\/\*\*[^]*?@module/.exec(source)![0]);
    assert.ok(rules.length > 15, topic);
    assert.deepEqual(ids(await help(topic!)), rules);
  }
});

Deno.test("help config shows every setting with its default", async () => {
  const lines = (await help("config")).matchAll(/^ {2}(\w+(?:\.\w+)+) = (.*?) \(/gm);
  const shown = [...lines].map(([, path, value]) => [path, value]);
  const settings = [...SETTINGS].map(([path, { default: value }]) => [
    path,
    Array.isArray(value) ? `[${value}]` : String(value),
  ]);
  assert.deepEqual(shown, settings);
});

Deno.test("help exit-codes shows every exit code, and under it each code that leads to it", async () => {
  const shown = (await help("exit-codes")).split(/^(?=\d)/m).slice(1).map((part) => {
    const [, exit] = /^(\d+) {2}\S/.exec(part)!;
    return [
      Number(exit),
      [...part.matchAll(/^ {2}(\w+) +(\S.*)$/gm)].map((row) => row.slice(1, 3)),
    ];
  });
  const used = [...new Set(Object.values(CODES).map(({ exit }) => exit))].sort((a, b) => a - b);
  assert.deepEqual(
    shown,
    used.map((exit) => [
      exit,
      Object.entries(CODES).filter(([, spec]) => spec.exit === exit)
        .map(([code, { message }]) => [code, message]),
    ]),
  );
});

Deno.test("A program for a role has the topics that concern it", async () => {
  for (
    const [program, topics] of [
      [SERVER_PROGRAM, "config exit-codes performance sandbox wire files keys session tls"],
      [CLIENT_PROGRAM, "exit-codes wire files keys session tls"],
    ] as const
  ) {
    const { output, out, err } = screens();
    assert.equal(await runProgram(program, ["help"], output), 0);
    assert.equal(namesIn(out.text, "Topics"), topics);
    assert.equal(await runProgram(program, ["help", "migration"], output), 1);
    assert.match(err.text, new RegExp(`^${program.name}: Unknown command migration`));
  }
});
