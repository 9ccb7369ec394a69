import assert from "node:assert/strict";
import { dirname } from "node:path";
import { readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { command } from "../helpers/program.ts";
import { mkfifo, type Ran, ranToEnd, system } from "../helpers/ran.ts";
import { type Json, utf8 } from "../helpers/raw_frame.ts";
import { assertStores, serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const test = serving("fxfer send");
const unix = Deno.build.os === "windows" ? () => {} : test;

/** A folder with these files; a name may have folders in it. */
async function tree(...names: string[]): Promise<TempDir> {
  const folder = await TempDir.make();
  for (const name of names) {
    const path = folder.join(name);
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, name);
  }
  return folder;
}

const events = (out: string, kind: string): Json[] =>
  out.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ event }) => event === kind);

/** The names that the server got. */
const names = (out: string): string[] => events(out, "stored").map(({ name }) => name).sort();

type Send = (...args: string[]) => Promise<Ran>;

/** Sends from a folder, as JSON. */
const sender = ({ port }: { port: number }, folder: TempDir): Send => (...args) =>
  fxfer(["send", "-p", String(port), "--json", ...args], { cwd: folder.path });

unix(
  "what is no file is named, counted, and a failure unless --skip-special says so",
  async (server) => {
    await using folder = await tree("d/file", "target");
    await Deno.symlink("../target", folder.join("d/link"));
    await Deno.symlink("nowhere", folder.join("d/dangling"));
    await Deno.symlink("/", folder.join("d/root"));
    await mkfifo(folder.join("d/pipe"));
    using _socket = Deno.listen({ transport: "unix", path: folder.join("d/socket") });
    const send = sender(server, folder);
    const asked = await send("-r", "d");
    assert.equal(asked.code, 9);
    const leftOut = events(asked.out, "left_out").map(({ file, reason }) => [file, reason]);
    const link = "it is a link, --follow-links sends what it points to";
    assert.deepEqual(leftOut, [
      ["d/dangling", link],
      ["d/link", link],
      ["d/pipe", "it is a pipe"],
      ["d/root", link],
      ["d/socket", "it is a socket"],
    ]);
    for (const [file] of leftOut) assert.equal(asked.err.split(`fxfer: ${file} is left`).length, 2);
    const [sum] = events(asked.out, "summary");
    assert.deepEqual([sum!.stored, sum!.left_out, sum!.exit], [1, 5, 9]);
    assert.equal((await send("-r", "--skip-special", "d")).code, 0);
    const text = await fxfer(["send", "-p", String(server.port), "-r", "d"], { cwd: folder.path });
    assert.match(text.err, /^1 file stored, 5 left out: 6 B in /m);
    const quiet = await fxfer(["send", "-p", String(server.port), "-qr", "d"], {
      cwd: folder.path,
    });
    assert.match(quiet.err, /^fxfer: d\/pipe is left out: it is a pipe$/m);
  },
);

unix(
  "--follow-links sends what links point to under their own names, and goes round no loop",
  async (server) => {
    await using folder = await tree("d/sub/a", "elsewhere/b", "elsewhere/deep/c");
    await Deno.symlink("sub/a", folder.join("d/file"));
    await Deno.symlink("../elsewhere", folder.join("d/folder"));
    await Deno.symlink("../../d", folder.join("elsewhere/deep/back"));
    await Deno.symlink("../..", folder.join("d/sub/above"));
    await Deno.symlink("nowhere", folder.join("d/dangling"));
    const { code, out } = await sender(server, folder)("-r", "--follow-links", "d");
    assert.equal(code, 9);
    assert.deepEqual(names(out), ["d/file", "d/folder/b", "d/folder/deep/c", "d/sub/a"]);
    assert.deepEqual(events(out, "left_out").map(({ file, reason }) => [file, reason]), [
      ["d/dangling", "it is a link that leads nowhere"],
      ["d/folder/deep/back", "it is a link to a folder above it"],
      ["d/sub/above", "it is a link to a folder above it"],
    ]);
  },
);

unix("a folder that cannot be read is left out, and said", async (server) => {
  if (Deno.uid() === 0) return;
  await using folder = await tree("d/file", "d/locked/file");
  await Deno.chmod(folder.join("d/locked"), 0);
  const { code, err } = await sender(server, folder)("-r", "d");
  await Deno.chmod(folder.join("d/locked"), 0o700);
  assert.equal(code, 9);
  assert.match(err, /^fxfer: d\/locked is left out: you may not read it$/m);
});

unix("why a path cannot be read is told in words, not as the system says it", async (server) => {
  await using folder = await tree("file", "odd/ok");
  await Deno.symlink("b", folder.join("a"));
  await Deno.symlink("a", folder.join("b"));
  // Deno itself cannot make a name that is not UTF-8; macOS does not take one, and Deno 2.6.8 does not show one.
  const isSource = !Deno.env.has("FXFER_BIN");
  const isOdd = Deno.build.os === "linux" && isSource;
  if (isOdd) await system("sh", ["-c", `: > "$(printf 'x\\377')"`], folder.join("odd"));
  const { code, err } = await sender(server, folder)("-r", "a", "file/", "file/x", "odd");
  assert.equal(code, 9);
  assert.deepEqual(
    err.split("\n").filter((line) => line.includes("Cannot read")),
    [
      "fxfer: Cannot read a: its links lead in a circle",
      // A compiled program of Deno 2.6.8 reads it as the file.
      ...(isSource ? ["fxfer: Cannot read file/: what its path takes for a folder is a file"] : []),
      "fxfer: Cannot read file/x: what its path takes for a folder is a file",
      ...(isOdd
        ? [
          "fxfer: Cannot read odd/x\ufffd: there is no such file, or its name is not UTF-8 " +
          "(then rename it)",
        ]
        : []),
    ],
  );
});

test("a server in the place of a file is told where it belongs", async (server) => {
  await using folder = await tree("file");
  const send = sender(server, folder);
  for (const name of ["localhost:80", "http://localhost"]) {
    const { code, err } = await send("file", name);
    assert.equal(code, 9);
    const hint = "a server is named before the first FILE, as HOST:PORT or fxfer://HOST";
    assert.ok(err.includes(`Cannot read ${name}: there is no such file (${hint})\n`), err);
  }
});

unix("what a pattern fits is sent or said, whatever it is", async (server) => {
  await using folder = await tree("d/file", "d/sub/a");
  await mkfifo(folder.join("d/pipe"));
  await Deno.symlink("file", folder.join("d/link"));
  await Deno.symlink("nowhere", folder.join("d/dangling"));
  const send = sender(server, folder);
  const flat = await send("d/*");
  assert.equal(flat.code, 9);
  assert.deepEqual(names(flat.out), ["file", "link"]);
  assert.match(flat.err, /^fxfer: d\/pipe is left out: it is a pipe$/m);
  assert.match(flat.err, /^fxfer: Cannot read d\/dangling: there is no such file$/m);
  assert.match(flat.err, /^fxfer: Cannot read d\/sub: it is a folder, -r sends what is in it$/m);
  assert.deepEqual(names((await send("-r", "d/s*")).out), ["sub/a"]);
  const none = await send("[z-a]*");
  assert.equal(none.code, 8);
  assert.match(none.err, /Cannot read \[z-a\]\*: no file fits this pattern/);
  assert.equal((await send("--name", "x", "d/*")).code, 1);
});

test("--exclude and --exclude-from follow the rules of .gitignore", async (server) => {
  await using folder = await tree(
    ...["d/a.log", "d/keep.log", "d/b.txt", "d/build/x", "d/sub/build/y", "d/sub/c.txt"],
    ...["d/sub/node_modules/z", "d/#odd", "a.log", "other/deep/b.txt"],
  );
  await Deno.writeTextFile(folder.join("rules"), "# logs\n*.log\r\n!keep.log\n\n\\#odd\n");
  const send = sender(server, folder);
  const some = await send(
    "-r",
    "--exclude-from=rules",
    "--exclude=/build",
    "--exclude=node_*/",
    "d",
  );
  assert.equal(some.code, 0, some.err);
  assert.deepEqual(names(some.out), ["d/b.txt", "d/keep.log", "d/sub/build/y", "d/sub/c.txt"]);
  // A file that is named is held against the rules too, as are those a pattern fits.
  const named = await send("--exclude=*.log", "a.log", "./a.log", "rules");
  assert.deepEqual(names(named.out), ["rules"]);
  const fitting = await send("--exclude=deep/", "other/**", folder.join("d/b.txt"));
  assert.deepEqual([fitting.code, names(fitting.out)], [0, ["b.txt"]]);
  const missing = await send("--exclude-from=none", "-r", "d");
  assert.equal(missing.code, 8);
  assert.match(missing.err, /^fxfer: Cannot read none: there is no such file$/m);
  assert.equal(events(missing.out, "summary")[0]!.exit, 8);
});

test("--dry-run shows what would be sent, and needs no server", async (server) => {
  await using folder = await tree("d/a", "d/b.tmp", "d/sub/c");
  const args = ["send", "-r", "-p", "1", "--dry-run", "--exclude=*.tmp", "d"];
  assert.deepEqual(await fxfer(args, { cwd: folder.path }), {
    code: 0,
    out: "d/a (3 B)\nd/sub/c (7 B)\n",
    err: "2 files would be sent: 10 B\n",
  });
  await assertStores(server, 0, async () => {
    const { code, out } = await sender(server, folder)("-r", "-n", "d", "none");
    assert.equal(code, 9);
    assert.deepEqual(events(out, "planned")[0], {
      ...{ event: "planned", file: "d/a", name: "d/a", size: 3 },
    });
    const [sum] = events(out, "summary");
    assert.deepEqual([sum!.planned, sum!.failed, sum!.bytes], [3, 1, 17]);
  });
  assert.ok(![...Deno.readDirSync(folder.path)].some(({ name }) => name === ".fxfer"));
});

test("what fxfer keeps for itself is never sent, wherever it is", async (server) => {
  await using folder = await tree("a", ".fxfer/notes", "sub/.fxfer/x", "sub/b");
  const send = sender(server, folder);
  // Journals with the secret of a session, of two commands, one with a folder of its own.
  for (const state of [[], ["--state", "sub/mine"]]) {
    const { code } = await send(...state, "a", "missing");
    assert.equal(code, 9);
  }
  const mine = [...Deno.readDirSync(folder.join("sub/mine"))].map(({ name }) => name);
  assert.equal(mine.length, 1);
  const all = await send("-r", ".");
  assert.deepEqual([all.code, names(all.out)], [0, ["a", "sub/b"]]);
  const named = await send(".fxfer/notes", `sub/mine/${mine[0]}`);
  assert.equal(named.code, 8);
  assert.match(named.err, /Cannot send \.fxfer\/notes: it is fxfer's own, and not to be sent/);
  if (Deno.build.os === "windows") return;
  await Deno.symlink(`mine/${mine[0]}`, folder.join("sub/link"));
  assert.equal((await send("sub/link")).code, 8);
  const followed = await send("-r", "--follow-links", "sub");
  assert.deepEqual(names(followed.out), ["sub/b"]);
});

test("the same file under two names is sent twice, and under one name once", async (server) => {
  await using folder = await tree("d/x");
  await assertStores(server, 2, async () => {
    const { code, out, err } = await sender(server, folder)("-r", "d", "d/x", "./d/x", "d");
    assert.equal(code, 0, err);
    assert.deepEqual(names(out), ["d/x", "x"]);
    assert.match(err, /^fxfer: 2 files named more than once: sent once$/m);
  });
});

test("a long path is sent whole, and one that is too long for the wire is refused", async (server) => {
  const part = "ü".repeat(40);
  const path = ["deep", part, part, part, part, "file.txt"].join("/");
  await using folder = await tree(path);
  const { code, out, err } = await sender(server, folder)("-r", "deep");
  assert.equal(code, 0, err);
  const [name] = names(out);
  assert.equal(name, path);
  assert.equal((await sender(server, folder)("--name", "x".repeat(256), path)).code, 1);
});

test("an empty folder is no failure, and it is said that there is nothing", async (server) => {
  await using folder = await tree("d/skipped.tmp");
  const args = ["send", "-p", String(server.port), "-r", "d", "--exclude", "*.tmp"];
  assert.deepEqual(await fxfer(args, { cwd: folder.path }), {
    ...{ code: 0, out: "", err: "fxfer: there is no file to send\n" },
  });
});

unix("files whose size the system does not know are sent whole", async (server) => {
  await using folder = await tree("empty");
  await Deno.writeTextFile(folder.join("empty"), "");
  const send = sender(server, folder);
  const [empty] = events((await send("empty")).out, "stored");
  assert.equal(empty!.size, 0);
  // Deno reads /proc only with all permissions, which the compiled program has not.
  if (Deno.build.os !== "linux" || Deno.env.get("FXFER_BIN")) return;
  const version = await Deno.readFile("/proc/version");
  const { code, out } = await send("/proc/version", "empty");
  assert.equal(code, 0);
  const { path, size } = events(out, "stored").find(({ name }) => name === "version")!;
  assert.equal(size, version.length);
  assert.equal(await storedSha256(server.storage, path), sha256(version));
});

unix("a pipe is sent to its end, and a folder as standard input is said", async (server) => {
  await using folder = await tree("d/x");
  await mkfifo(folder.join("pipe"));
  const sent = sender(server, folder)("pipe");
  await Deno.writeFile(folder.join("pipe"), utf8("through the pipe"));
  const [stored] = events((await sent).out, "stored");
  assert.equal(stored!.size, 16);
  const line = command(["send", "-p", String(server.port), "-"], ["-A"]);
  const script = `exec ${line.map((arg) => `'${arg}'`).join(" ")} < d`;
  const { code, err } = await ranToEnd("sh", { args: ["-c", script], cwd: folder.path });
  assert.equal(code, 8);
  assert.match(err, /^fxfer: Cannot read standard input: it is a folder$/m);
});

test("the server is taken as HOST:PORT and as fxfer://, by --host and before the files", async (server) => {
  await using folder = await tree("a", "127.0.0.1:9");
  const place = `127.0.0.1:${server.port}`;
  const send = (...args: string[]) => fxfer(["send", "-q", ...args], { cwd: folder.path });
  await assertStores(server, 5, async () => {
    for (
      const args of [
        ["--host", place, "a"],
        ["--host", `fxfer://${place}`, "a"],
        [place, "a"],
        [`fxfer://${place}/`, "a"],
        // A file of that name goes before.
        ["-p", String(server.port), "127.0.0.1:9"],
      ]
    ) assert.equal((await send(...args)).code, 0, args.join(" "));
  });
  for (
    const args of [
      ["--host", "127.0.0.1:1", "a"],
      ["--host", "127.0.0.1:99999", "a"],
      ["--host", "256.1.1.1", "a"],
      ["--host", place, "-p", "1", "a"],
      ["--host", "h", place, "a"],
      [`fxfer://${place}`],
      ["fxfer://a b", "a"],
    ]
  ) {
    const { code, err } = await send(...args);
    assert.equal(code, 1, `${args.join(" ")}: ${err}`);
  }
});

test("--json ends with a summary, however it ends", async (server) => {
  await using folder = await tree("a", "d/x");
  const send = sender(server, folder);
  // One after the other: two that run at the same time would wait for each other's journal.
  const runs: readonly (readonly [args: readonly string[], exit: number])[] = [
    [["a"], 0],
    [["--quiet", "a"], 0],
    [["none"], 8],
    [["d"], 8],
    [["-r", "--exclude=x", "d"], 0],
    [["--exclude-from=none", "a"], 8],
    [["-p", "1", "--retries=0", "--state=other", "a"], 2],
  ];
  for (const [args, exit] of runs) {
    const { code, out } = await send(...args);
    const last = JSON.parse(out.trimEnd().split("\n").at(-1)!);
    assert.deepEqual([last.event, last.exit, code], ["summary", exit, exit], out);
  }
  const listed = await readManifest(server.storage);
  assert.ok(listed.length > 0);
});
