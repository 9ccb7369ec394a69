import assert from "node:assert/strict";
import { FaultProxy } from "../../src/chaos/mod.ts";
import { expandGlob, partPattern } from "../../src/cli/send/glob.ts";
import { EventLog } from "../helpers/event_log.ts";
import { readManifest } from "../helpers/files.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import type { Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import type { Json } from "../helpers/raw_frame.ts";
import { assertStores, serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;
const test = serving("fxfer send -r");

/** The events of this kind among those that `--json` has written. */
const events = (out: string, kind: string): Json[] =>
  out.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ event }) => event === kind);

/** Every so many files one is large, of up to so many bytes. */
interface Large {
  readonly every: number;
  readonly max: number;
}

/** A folder of mixed files below `tree`. */
async function mixedTree(
  files: number,
  random: Random,
  { every, max }: Large = { every: 50, max: 3 * MIB },
): Promise<TempDir> {
  const folder = await TempDir.make();
  for (let index = 0; index < files; index++) {
    const dir = folder.join("tree", `d${index % 7}`, index % 3 === 0 ? "deep" : "");
    await Deno.mkdir(dir, { recursive: true });
    const size = index % every === 0 ? random.int(1, max) : random.int(0, 40_000);
    await Deno.writeFile(
      `${dir}/f${index}.${random.pick(["txt", "png", "bin"])}`,
      random.bytes(size),
    );
  }
  return folder;
}

test("a folder goes with the paths below it as names; symlinks are named and left out", async (server) => {
  await using folder = await mixedTree(12, new Random(1));
  await Deno.symlink("/etc", folder.join("tree", "elsewhere"));
  await assertStores(server, 12, async () => {
    const args = ["send", "-p", String(server.port), "-r", "--json", "tree"];
    const { code, out, err } = await fxfer(args, { cwd: folder.path });
    assert.equal(code, 9, err);
    assert.match(err, /^fxfer: tree\/elsewhere is left out: it is a link, --follow-links sends /m);
    assert.equal(events(out, "summary")[0]!.left_out, 1);
    const names = events(out, "stored").map(({ name }) => name);
    assert.equal(names.length, 12);
    assert.ok(
      names.includes("tree/d1/f1.txt") || names.some((name) => name.startsWith("tree/d1/f1.")),
    );
    assert.ok(names.some((name) => /^tree\/d0\/deep\/f0\./.test(name)));
    const listed = (await readManifest(server.storage)).map(({ name }) => name);
    for (const name of names) assert.ok(listed.includes(name), name);
  });
  const without = await fxfer(["send", "-p", String(server.port), "tree"], { cwd: folder.path });
  assert.equal(without.code, 8);
  assert.match(without.err, /Cannot read tree: it is a folder, -r sends what is in it/);
});

/** A folder that has to get through a network that breaks five times, with Ctrl-C in between. */
interface Ordeal {
  readonly files: number;
  readonly large: Large;
  /** A connection breaks after so many bytes, up to twice as many. */
  readonly cut: number;
}

async function endure(server: Program, { files, large, cut }: Ordeal): Promise<void> {
  const random = new Random(2);
  await using folder = await mixedTree(files, random, large);
  const cuts = [1, 2, 3, 4, 5].map(() => random.int(cut, 2 * cut));
  const opened = new EventLog<number>();
  await using proxy = await FaultProxy.listen({
    target: { hostname: server.hostname, port: server.port },
    plan: (connection) => {
      const after = cuts[connection];
      return {
        up: {
          chunk: 64 * 1024,
          delayMs: 1,
          ...(after === undefined ? {} : { faults: [{ after, kind: "reset" }] }),
        },
      };
    },
    onEvent: (event) => event.type === "open" && opened.push(event.connection),
  });
  const args = ["send", "-p", String(proxy.port), "-r", "--json", "tree"];
  await assertStores(server, files, async () => {
    const first = start(args, { cwd: folder.path });
    await opened.wait((connection) => connection === 3, "the fourth connection", 120_000);
    first.kill("SIGINT");
    const { code, err } = await first.ended;
    assert.equal(code, 130, err);
    assert.match(err, /Interrupted: the same command goes on/);
    const again = await fxfer(args, { cwd: folder.path });
    assert.equal(again.code, 0, again.err);
    const { stored, unconfirmed, failed } = events(again.out, "summary")[0]!;
    assert.deepEqual([stored, unconfirmed, failed], [files, 0, 0]);
  });
  assert.ok(opened.all.length >= 6, `${opened.all.length} connections`);
  const verify = await fxfer(["verify", server.storage], { cwd: folder.path });
  assert.equal(verify.code, 0, verify.out);
}

test("300 mixed files survive five cuts and Ctrl-C, and verify finds them whole", async (server) => {
  await endure(server, { files: 300, large: { every: 50, max: 3 * MIB }, cut: MIB });
});

// Minutes and gigabytes: only when asked for.
if (Deno.env.get("FXFER_LONG")) {
  test("1,000 mixed files of 1 GB survive the same", async (server) => {
    await endure(server, { files: 1000, large: { every: 10, max: 20 * MIB }, cut: 80 * MIB });
  });
}

test("a pattern stands for files where the shell left it, and for none it is exit 8", async (server) => {
  await using folder = await mixedTree(9, new Random(3));
  const args = ["send", "-p", String(server.port), "--json"];
  const { code, out } = await fxfer([...args, "tree/**/f[0-3].*"], { cwd: folder.path });
  assert.equal(code, 0);
  assert.equal(events(out, "stored").length, 4);
  const none = await fxfer([...args, "*.none"], { cwd: folder.path });
  assert.equal(none.code, 8);
  assert.match(none.err, /Cannot read \*\.none: no file fits this pattern/);
});

test("--limit-rate holds the rate over all files", async (server) => {
  await using folder = await TempDir.make();
  for (const name of ["a.bin", "b.bin"]) {
    await Deno.writeFile(folder.join(name), new Uint8Array(MIB));
  }
  const args = ["send", "-p", String(server.port), "--limit-rate", "2MiB", "--json"];
  const { code, out } = await fxfer([...args, "a.bin", "b.bin"], { cwd: folder.path });
  assert.equal(code, 0);
  const { seconds } = events(out, "summary")[0]!;
  // 2 MiB at 2 MiB/s, less what may come at once at the start.
  assert.ok(seconds >= 0.7 && seconds < 3, `${seconds} s`);
});

Deno.test(
  "partPattern() knows * ? and sets, and takes all else literally",
  { permissions: "none" },
  () => {
    const cases: [string, string, boolean][] = [
      ["*.txt", "a.txt", true],
      ["*.txt", "atxt", false],
      ["f?", "f1", true],
      ["f?", "f", false],
      ["[a-c]x", "bx", true],
      ["[!a-c]x", "bx", false],
      ["a+(b).c", "a+(b).c", true],
      ["[", "[", true],
      ["[z-a]", "b", false],
      ["[z-ab]", "b", true],
      ["[!z-a]", "b", true],
      ["[\u{1f600}-\u{fffd}]", "x", false],
      ["[^-A]", "B", true],
      ["[a[]", "[", true],
      ["*", "a\nb", true],
    ];
    for (const [pattern, name, fits] of cases) {
      assert.equal(partPattern(pattern).test(name), fits, `${pattern} ${name}`);
    }
  },
);

Deno.test("expandGlob() finds files at every depth, sorted, hidden ones only when asked", async () => {
  await using folder = await TempDir.make();
  await Deno.mkdir(folder.join("x", "y"), { recursive: true });
  for (const name of ["b.txt", "a.txt", ".c.txt", "x/d.txt", "x/y/e.txt"]) {
    await Deno.writeTextFile(folder.join(name), "");
  }
  const found = async (pattern: string) =>
    (await expandGlob(folder.join(pattern))).map((path) => path.slice(folder.path.length + 1));
  assert.deepEqual(await found("*.txt"), ["a.txt", "b.txt"]);
  assert.deepEqual(await found("**/*.txt"), ["a.txt", "b.txt", "x/d.txt", "x/y/e.txt"]);
  assert.deepEqual(await found("x/**"), ["x/d.txt", "x/y/e.txt"]);
  assert.deepEqual(await found(".*.txt"), [".c.txt"]);
  assert.deepEqual(await found("none/*"), []);
});
