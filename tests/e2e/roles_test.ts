/** fxfer-server and fxfer-client: what `deno task compile` makes, with the permissions of their roles. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  adviceFor,
  BINARIES,
  compileArgs,
  isLeftOut,
  type Lock,
  lockOf,
  outputOf,
  TARGETS,
} from "../../.ci/compile.ts";
import { listStored } from "../helpers/files.ts";
import { type Ran, ranToEnd } from "../helpers/ran.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Where compiled programs are; without it they run from source, with the same permissions. */
const DIST = Deno.env.get("FXFER_DIST");
const test = serving("roles");

function run(name: string, args: readonly string[], cwd: string): Promise<Ran> {
  const { entry, permissions } = BINARIES.find((binary) => binary.name === name)!;
  const line = DIST
    ? [`${DIST}/${name}`]
    : [Deno.execPath(), "run", "--no-prompt", ...permissions, ROOT + entry];
  return ranToEnd(line[0]!, { args: [...line.slice(1), ...args], cwd });
}

test("fxfer-client sends, and leaves no state behind", async (server) => {
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("a.txt"), "a");
  const to = ["send", "-p", String(server.port)];
  const before = (await listStored(server.storage)).length;
  const sent = await run("fxfer-client", [...to, "a.txt"], folder.path);
  assert.equal(sent.code, 0, sent.err);
  assert.equal((await listStored(server.storage)).length, before + 1);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["a.txt"]);
});

Deno.test("fxfer-server writes to storage alone, and says so", async () => {
  await using folder = await TempDir.make();
  const { code, err } = await run("fxfer-server", ["serve", "--storage", "other"], folder.path);
  assert.equal(code, 1);
  assert.match(err, /^fxfer-server: Cannot open storage: no permission to write there/);
  assert.match(err, /^fxfer-server: .* read and write \.\/storage, read \.\/config\.yaml/m);
  const doctor = await run("fxfer-server", ["doctor", "-p", "0"], folder.path);
  assert.equal(doctor.code, 0, doctor.out);
  assert.match(doctor.out, /tier RW/);
});

Deno.test("a program for a role has its own commands and no others", async () => {
  const others: [string, string][] = [["fxfer-server", "send"], ["fxfer-client", "serve"]];
  for (const [name, other] of others) {
    const { code, err } = await run(name, [other], ROOT);
    assert.equal(code, 1);
    assert.match(err, new RegExp(`^${name}: Unknown command ${other}: ${name} has `));
    const help = await run(name, ["--help"], ROOT);
    assert.match(help.out, new RegExp(`^Usage: ${name} COMMAND`, "m"));
    assert.ok(!new RegExp(`^  ${other} `, "m").test(help.out));
  }
});

Deno.test("each program is compiled with its permissions, for each target into its folder", () => {
  const [all, server] = BINARIES;
  assert.ok(!BINARIES.some(({ permissions }) => permissions.includes("-A")));
  assert.deepEqual(TARGETS.map((target) => outputOf(all!, target)).slice(0, 3), [
    "dist/x86_64-unknown-linux-gnu/fxfer",
    "dist/aarch64-unknown-linux-gnu/fxfer",
    "dist/x86_64-pc-windows-msvc/fxfer.exe",
  ]);
  const args = compileArgs(server!, "the.lock", TARGETS[0]);
  for (const flag of [...server!.permissions, "--no-prompt"]) assert.ok(args.includes(flag), flag);
});

Deno.test("where Deno has no base, the task says what to do", async () => {
  assert.match(adviceFor("Could not find denort at '/x'", "2.9.6")!, /DENORT_BIN=.* task compile/);
  assert.equal(adviceFor("error: Module not found", "2.9.6"), undefined);
  await using folder = await TempDir.make();
  const { code, err } = await ranToEnd(Deno.execPath(), {
    args: ["task", "compile"],
    cwd: ROOT,
    env: { DENORT_BIN: folder.join("none") },
  });
  assert.equal(code, 1);
  assert.match(err, /Cannot compile: Deno .* has no base/);
});

Deno.test("A program is compiled with the part of the lock that it imports", async () => {
  const lock: Lock = JSON.parse(
    await Deno.readTextFile(new URL("../../.ci/deno.lock", import.meta.url)),
  );
  const { specifiers, npm } = lockOf(lock, ["js-yaml@4.1.1", "redis@6.3.1"]);
  assert.deepEqual(Object.keys(specifiers), ["npm:js-yaml@4.1.1", "npm:redis@6.3.1"]);
  const names = Object.keys(npm);
  assert.ok(names.some((name) => name.startsWith("argparse@")), "what js-yaml needs");
  assert.ok(names.some((name) => name.startsWith("@redis/client@")), "what redis needs");
  assert.ok(!names.some((name) => name.startsWith("echarts")), "and nothing else");
  for (const name of names) assert.equal(npm[name], lock.npm[name]);
});

Deno.test("A program is compiled without what nothing reads of its packages", () => {
  const left = (name: string, ...paths: string[]) => paths.filter((path) => isLeftOut(name, path));
  const read = ["index.js", "package.json", "LICENSE", "dist/a.mjs"];
  assert.deepEqual(left("redis", ...read, "a.js.map", "a.d.ts", "README.md", "test/a.js"), [
    "a.js.map",
    "a.d.ts",
    "README.md",
    "test/a.js",
  ]);
  const of = ["dist/echarts.esm.min.mjs", "dist/echarts.js", "NOTICE", "index.js"];
  assert.deepEqual(left("echarts", ...of), ["dist/echarts.js", "index.js"]);
  assert.deepEqual(left("zrender", "LICENSE", "package.json", "index.js"), ["index.js"]);
});
