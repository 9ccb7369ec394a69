import assert from "node:assert/strict";
import { CONFIG_OPTIONS } from "../../src/cli/config_flags.ts";
import { run } from "../../src/cli/mod.ts";
import { SETTINGS } from "../../src/config/mod.ts";
import { screens } from "../cli/screen.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { testWith } from "../helpers/require.ts";
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

/** A folder with names that a shell has to quote. */
async function oddNames(): Promise<TempDir> {
  const folder = await TempDir.make();
  for (const name of ["holiday photo.png", "it's.txt", "a*b.txt", "plain.txt", "send"]) {
    await Deno.writeTextFile(folder.join(name), "");
  }
  await Deno.mkdir(folder.join("my dir"));
  await Deno.writeTextFile(folder.join("my dir", "in side.txt"), "");
  return folder;
}

testWith(["bash"], "bash completes commands, flags, values, settings and files", async (bash) => {
  const source = await script("bash");
  await using folder = await oddNames();
  const complete = async (...words: string[]) => {
    const array = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const text = `${source}\nCOMP_WORDS=(fxfer ${array}); COMP_CWORD=${words.length}; _fxfer
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await shell(bash, ["-c", text], folder.path)).trimEnd().split("\n");
  };
  assert.deepEqual(await complete("se"), ["serve", "send", "session"]);
  assert.deepEqual(await complete("send", "--al"), ["--allow-v1"]);
  assert.deepEqual(await complete("serve", "--persistence", "s"), ["sqlite"]);
  assert.deepEqual(await complete("send", "--mode", ""), ["auto", "stateful", "stateless", "v1"]);
  assert.deepEqual(await complete("chaos", "--direction", ""), ["up", "down", "both"]);
  assert.deepEqual(await complete("serve", "--set", "server.po"), ["server.port="]);
  assert.deepEqual(await complete("config", ""), ["check", "print"]);
  assert.deepEqual(await complete("help", "ver"), ["verify"]);
  assert.deepEqual(await complete("help", "exit"), ["exit-codes"]);
  assert.deepEqual((await complete("send", "holi"))[0]!.split(" ")[0], "holiday");
  assert.deepEqual(await complete("verify", "--"), ["--json", "--state", "--quiet", "--help"]);
  // Names with spaces are one word each, whatever quotes were typed.
  for (const typed of ["holi", "holiday\\ ph", '"holiday ph', "'holiday ph"]) {
    assert.deepEqual(await complete("send", typed), ["holiday photo.png"], typed);
  }
  assert.deepEqual(await complete("send", "my\\ dir/"), ["my dir/in side.txt"]);
  assert.deepEqual(await complete("send", "a"), ["a*b.txt"]);
  // The shell takes --mode=auto for three words.
  assert.deepEqual(await complete("send", "--mode", "=", "au"), ["auto"]);
  assert.deepEqual(await complete("send", "--mode", "="), ["auto", "stateful", "stateless", "v1"]);
  // What takes neither words nor files gets nothing.
  for (
    const words of [
      ["send", "--retries", ""],
      ["send", "-p", ""],
      ["send", "--name", "="],
      ["serve", ""],
      ["config", "check", ""],
      ["bench", ""],
      ["help", "send", ""],
    ]
  ) assert.deepEqual(await complete(...words), [""], words.join(" "));
  assert.deepEqual(await complete("verify", ""), ["my dir"]);
  assert.deepEqual(await complete("serve", "--storage", "m"), ["my dir"]);
  assert.deepEqual(await complete("send", "--exclude-from", "pl"), ["plain.txt"]);
  assert.deepEqual(await complete("send", "--json", "-p", "1", "pl"), ["plain.txt"]);
  assert.deepEqual(await complete("send", "--", "--"), [""]);
  assert.deepEqual(await complete("session", "import", "pl"), ["plain.txt"]);
});

testWith(["fish"], "fish completes commands, flags, values, settings and files", async (fish) => {
  await using folder = await oddNames();
  await Deno.writeTextFile(folder.join("..fish"), await script("fish"));
  const complete = async (line: string) => {
    const quoted = line.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
    const text = `source ..fish; complete -C 'fxfer ${quoted}'`;
    const out = await shell(fish, ["--no-config", "-c", text], folder.path);
    return out.trimEnd().split("\n").map((each) => each.split("\t")[0]!);
  };
  const cases: Readonly<Record<string, readonly string[]>> = {
    "se": ["send", "serve", "session"],
    "--v": ["--version"],
    "send --mod": ["--mode"],
    "send --mode ": ["auto", "stateful", "stateless", "v1"],
    "serve --mode ": ["dual", "stateful", "stateless"],
    "serve --set server.po": ["server.port="],
    "config ": ["check", "print"],
    "help exit": ["exit-codes"],
    "send holi": ["holiday photo.png"],
    "send my\\ dir/": ["my dir/in side.txt"],
    "send --exclude-from pl": ["plain.txt"],
    "send --retries 3 pl": ["plain.txt"],
    "session import pl": ["plain.txt"],
    "verify ": ["my dir/"],
    "serve --storage m": ["my dir/"],
    // The command is the first word, and no other.
    "send verify --all": ["--allow-v1"],
    "send --retries ": [""],
    "send -p ": [""],
    "serve ": [""],
    "config check ": [""],
    "bench ": [""],
  };
  for (const [line, offered] of Object.entries(cases)) {
    assert.deepEqual((await complete(line)).sort(), offered, line);
  }
});

/** Types lines into a zsh behind a terminal, each with a Tab, and writes down what they became. */
const ZSH = `
zmodload zsh/zpty || exit 1
export HOME=$PWD ZDOTDIR=$PWD
zpty -b shell zsh -f -i
type() { zpty -w -n shell "$1"; }
become() {
  local tries=0
  while [[ ! -e became ]] && (( tries++ < 500 )); do
    while zpty -r -t shell out; do :; done
    sleep 0.02
  done
  cat became; rm -f became
}
type $'PS1=; source <(cat .zsh); show() { print -r -- "$BUFFER" > .b; mv .b became; BUFFER=; }\\n'
type $'zle -N show; bindkey "^T" show; setopt no_beep\\n'
type $'\\x14'; become
for line in "$@"; do type "$line"$'\\t\\x14'; become; done
`;

testWith(["zsh"], "zsh completes commands, flags, values, settings and files", async (zsh) => {
  await using folder = await oddNames();
  await Deno.writeTextFile(folder.join(".zsh"), await script("zsh"));
  const cases: Readonly<Record<string, string>> = {
    "fxfer sen": "fxfer send ",
    "fxfer --v": "fxfer --version ",
    "fxfer send --mod": "fxfer send --mode=",
    "fxfer send --mode au": "fxfer send --mode auto ",
    "fxfer send --mode=au": "fxfer send --mode=auto ",
    "fxfer serve --set server.po": "fxfer serve --set server.port=",
    "fxfer config ch": "fxfer config check ",
    "fxfer help exit": "fxfer help exit-codes ",
    "fxfer send holi": "fxfer send holiday\\ photo.png ",
    "fxfer send my\\ dir/": "fxfer send my\\ dir/in\\ side.txt ",
    'fxfer send "my dir/i': 'fxfer send "my dir/in side.txt" ',
    "fxfer send --exclude-from pl": "fxfer send --exclude-from plain.txt ",
    "fxfer send --retries 3 pl": "fxfer send --retries 3 plain.txt ",
    "fxfer session import pl": "fxfer session import plain.txt ",
    "fxfer verify ": "fxfer verify my\\ dir/",
    "fxfer send --retries pl": "fxfer send --retries pl",
    "fxfer send -p pl": "fxfer send -p pl",
    "fxfer config check pr": "fxfer config check pr",
    "fxfer bench pl": "fxfer bench pl",
  };
  const args = ["-f", "-c", ZSH, "zsh", ...Object.keys(cases)];
  const [first, ...became] = (await shell(zsh, args, folder.path)).split("\n");
  assert.equal(first, "");
  for (const [index, line] of Object.values(cases).entries()) assert.equal(became[index], line);
});

Deno.test("the completions of zsh and fish offer every command and every flag", async () => {
  const help = await printed("--help");
  const commands = [...help.split("Flags:")[0]!.matchAll(/^ {2}([a-z]+) {2}/gm)]
    .map(([, name]) => name!);
  assert.ok(commands.includes("send") && commands.includes("completions"));
  const [zsh, fish] = [await script("zsh"), await script("fish")];
  for (const command of commands) {
    const out = await printed(command, "--help");
    assert.ok(zsh.includes(`    ${command}) _arguments -s `), command);
    assert.ok(fish.includes(` -a ${command} -d `), command);
    for (const [, flag] of out.matchAll(/^ {2}.{4}--([\w-]+)/gm)) {
      assert.match(zsh, new RegExp(`--${flag}=?\\[`), flag);
      assert.ok(fish.includes(`__fxfer_is ${command}' -l ${flag}`), flag);
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
    assert.match(scripts.zsh, new RegExp(`--${name}=\\[.*:\\(${offered}\\)'`), name);
    assert.match(scripts.fish, new RegExp(` -l ${name}( -s \\w)? -x -a '${offered}' `), name);
  }
  assert.equal(flags, 5);
});

Deno.test("another shell is wrong usage", async () => {
  const { output, err } = screens();
  assert.equal(await run(["completions", "cmd"], output), 1);
  assert.match(err.text, /wanted bash, zsh or fish, found "cmd"/);
});
