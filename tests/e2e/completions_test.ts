import assert from "node:assert/strict";
import { CONFIG_OPTIONS } from "../../src/cli/config_flags.ts";
import { run } from "../../src/cli/mod.ts";
import { SETTINGS } from "../../src/config/mod.ts";
import { screens } from "../cli/screen.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { findProgram, testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

/** What a command that only prints has printed. */
async function printed(...args: string[]): Promise<string> {
  const { output, out, err } = screens();
  assert.deepEqual([await run(args, output), err.text], [0, ""]);
  return out.text;
}

const script = (shell: string) => printed("completions", shell);

/** Runs a shell on a text. */
async function shell(path: string, args: string[], cwd?: string): Promise<string> {
  const { code, out, err } = await ranToEnd(path, { args, ...(cwd && { cwd }) });
  assert.equal(code, 0, err);
  return out;
}

testWith(["bash"], "bash completes commands, flags, values, settings and files", async (bash) => {
  const source = await script("bash");
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("holiday photo.png"), "");
  const complete = async (...words: string[]) => {
    const array = words.map((word) => `'${word}'`).join(" ");
    const text = `${source}\nCOMP_WORDS=(fxfer ${array}); COMP_CWORD=${words.length}; _fxfer
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await shell(bash, ["-c", text], folder.path)).trimEnd().split("\n");
  };
  assert.deepEqual(await complete("se"), ["serve", "send", "session"]);
  assert.deepEqual(await complete("send", "--al"), ["--allow-v1"]);
  assert.deepEqual(await complete("serve", "--persistence", "s"), ["sqlite"]);
  assert.deepEqual(await complete("send", "--mode", ""), ["auto", "stateful", "stateless"]);
  assert.deepEqual(await complete("chaos", "--direction", ""), ["up", "down", "both"]);
  assert.deepEqual(await complete("serve", "--set", "server.po"), ["server.port="]);
  assert.deepEqual(await complete("config", ""), ["check", "print"]);
  assert.deepEqual(await complete("help", "ver"), ["verify"]);
  assert.deepEqual(await complete("help", "exit"), ["exit-codes"]);
  assert.deepEqual((await complete("send", "holi"))[0]!.split(" ")[0], "holiday");
  assert.deepEqual(await complete("verify", "--"), ["--json", "--quiet", "--help"]);
});

for (const name of ["zsh", "fish"]) {
  const path = findProgram(name) ?? "";
  Deno.test(`${name} takes its completions without an error`, { ignore: path === "" }, async () => {
    await using folder = await TempDir.make();
    await Deno.writeTextFile(folder.join("script"), await script(name));
    await shell(path, ["-n", folder.join("script")]);
  });
}

Deno.test("the completions of zsh and fish offer every command and every flag", async () => {
  const help = await printed("--help");
  const commands = [...help.split("Flags:")[0]!.matchAll(/^ {2}([a-z]+) {2}/gm)]
    .map(([, name]) => name!);
  assert.ok(commands.includes("send") && commands.includes("completions"));
  const [zsh, fish] = [await script("zsh"), await script("fish")];
  for (const command of commands) {
    const out = await printed(command, "--help");
    assert.ok(zsh.includes(`    ${command}) _arguments `), command);
    assert.ok(fish.includes(` -a ${command} -d `), command);
    for (const [, flag] of out.matchAll(/^ {2}.{4}--([\w-]+)/gm)) {
      assert.ok(zsh.includes(`--${flag}[`), flag);
      assert.ok(fish.includes(`__fish_seen_subcommand_from ${command}' -l ${flag}`), flag);
    }
  }
});

Deno.test("the completions offer the words that the table of settings has for a flag", async () => {
  const scripts = {
    bash: await script("bash"),
    zsh: await script("zsh"),
    fish: await script("fish"),
  };
  let flags = 0;
  for (const [name, { setting }] of Object.entries(CONFIG_OPTIONS)) {
    const words = SETTINGS.get(setting ?? "")?.kind.words ?? [];
    if (words.length === 0) continue;
    flags++;
    const offered = words.join(" ");
    assert.ok(scripts.bash.includes(`"serve --${name}") words="${offered}" ;;`), name);
    assert.match(scripts.zsh, new RegExp(`--${name}\\[.*:\\(${offered}\\)'`), name);
    assert.ok(scripts.fish.includes(` -l ${name} -x -a '${offered}' `), name);
  }
  assert.equal(flags, 4);
});

Deno.test("another shell is wrong usage", async () => {
  const { output, err } = screens();
  assert.equal(await run(["completions", "cmd"], output), 1);
  assert.match(err.text, /wanted bash, zsh or fish, found "cmd"/);
});
