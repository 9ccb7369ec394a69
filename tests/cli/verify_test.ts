import assert from "node:assert/strict";
import { DiskStorage } from "../../src/storage/mod.ts";
import { type Ran, ranToEnd } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = new URL("../../", import.meta.url);
const MAIN = new URL("main.ts", ROOT);

interface Folder extends AsyncDisposable {
  readonly path: string;
  /** The stored files' paths, relative to the folder. */
  readonly files: readonly string[];
}

/** A storage folder with some files in it, as a server leaves it. */
async function stored(count: number): Promise<Folder> {
  const folder = await TempDir.make();
  const { path } = folder;
  const files: string[] = [];
  {
    await using storage = await DiskStorage.open(path);
    for (let index = 0; index < count; index++) {
      const bytes = new Uint8Array(1024).fill(index);
      const file = await storage.put({ mimeType: "image/png", reserve: bytes.length }, bytes);
      files.push(file.path);
    }
  }
  return { path, files, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

function fxfer(args: string[], flags: string[] = ["--allow-read"]): Promise<Ran> {
  const quiet = ["run", "--quiet", "--no-prompt", "--cached-only"];
  return ranToEnd(Deno.execPath(), { args: [...quiet, ...flags, MAIN.href, ...args] });
}

Deno.test("fxfer verify says that all is well and exits 0", async () => {
  await using folder = await stored(3);
  assert.deepEqual(await fxfer(["verify", folder.path]), {
    code: 0,
    out: "3 files as stored (3.0 KiB)\n",
    err: "",
  });
  assert.deepEqual(await fxfer(["verify", folder.path, "--quiet"]), { code: 0, out: "", err: "" });
});

Deno.test("fxfer verify names what is missing or changed and exits 5", async () => {
  await using folder = await stored(3);
  const [first, second] = folder.files as [string, string];
  await Deno.remove(`${folder.path}/${first}`);
  await Deno.chmod(`${folder.path}/${second}`, 0o600);
  await Deno.writeFile(`${folder.path}/${second}`, new Uint8Array(1024).fill(99));
  await Deno.writeTextFile(`${folder.path}/stray.txt`, "x");

  const shown = await fxfer(["verify", folder.path]);
  assert.deepEqual(shown, {
    code: 5,
    out: `missing: ${first} (gone, and nobody removed it)\n` +
      `changed: ${second} (not the bytes that were stored)\n` +
      "extra: stray.txt (not listed)\n" +
      "1 file as stored (1.0 KiB), 2 not\n",
    err: "",
  });

  const quiet = await fxfer(["verify", "-q", folder.path]);
  assert.equal(quiet.code, 5);
  assert.deepEqual(quiet.out.split("\n").map((line) => line.split(":")[0]), [
    "missing",
    "changed",
    "",
  ]);
});

Deno.test("fxfer verify --json writes an object a finding, then the summary", async () => {
  await using folder = await stored(2);
  await Deno.remove(`${folder.path}/${folder.files[0]}`);
  const { code, out, err } = await fxfer(["verify", "--json", folder.path]);
  assert.equal(code, 5);
  assert.equal(err, "");
  assert.deepEqual(out.trimEnd().split("\n").map((line) => JSON.parse(line)), [
    { verdict: "missing", path: folder.files[0], line: 1, size: 1024 },
    { verdict: "ok", path: folder.files[1], line: 2, size: 1024 },
    {
      summary: { ok: 1, missing: 1, changed: 0, malformed: 0, torn: 0, extra: 0, partial: 0 },
      bytes: 1024,
      intact: false,
    },
  ]);
  const quiet = await fxfer(["verify", "--json", "--quiet", folder.path]);
  assert.deepEqual(JSON.parse(quiet.out).verdict, "missing");
});

Deno.test("fxfer verify shows hostile names and manifest lines escaped", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await stored(1);
  await Deno.writeTextFile(`${folder.path}/a\n\u001b[31m\u202e.txt`, "x");
  await Deno.writeTextFile(`${folder.path}/commits.jsonl`, "no entry\u001b[31m\n", {
    append: true,
  });
  const { code, out } = await fxfer(["verify", folder.path]);
  assert.equal(code, 5);
  assert.deepEqual(out.trimEnd().split("\n"), [
    "malformed: commits.jsonl line 2 (no entry of a manifest)",
    "extra: a\\n\\u001b[31m\\u202e.txt (not listed)",
    "1 file as stored (1.0 KiB), 1 not",
  ]);
});

Deno.test("fxfer verify of no folder, of a file, or without a manifest is a local error, exit 8", async () => {
  await using folder = await stored(0);
  const file = `${folder.path}/x`;
  await Deno.writeTextFile(file, "");
  await Deno.mkdir(`${folder.path}/empty`);
  const cases: readonly (readonly [string, string])[] = [
    [`${folder.path}/none`, "there is no such folder"],
    [file, "it is no folder"],
    [`${folder.path}/empty`, "it has no commits.jsonl"],
  ];
  for (const [path, reason] of cases) {
    assert.deepEqual(await fxfer(["verify", path]), {
      code: 8,
      out: "",
      err: `fxfer: Cannot verify ${path}: ${reason}\n`,
    });
  }
});

Deno.test("fxfer verify asks for no permission it lacks, and says which it needs", async () => {
  await using folder = await stored(1);
  assert.deepEqual(await fxfer(["verify", folder.path], []), {
    code: 8,
    out: "",
    err: `fxfer: Cannot verify ${folder.path}: reading it is not permitted ` +
      `(--allow-read=${folder.path})\n`,
  });
  const granted = await fxfer(["verify", folder.path], [`--allow-read=${folder.path}`]);
  assert.deepEqual([granted.code, granted.err], [0, ""]);
});

Deno.test("fxfer --help, --version and wrong usage need no permission at all", async () => {
  const help = await fxfer(["--help"], []);
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /^ {2}verify /m);
  const version = await fxfer(["--version"], []);
  assert.match(version.out, /^fxfer \d+\.\d+\.\d+ \(/);
  assert.deepEqual(await fxfer(["verify"], []), {
    code: 1,
    out: "",
    err: "fxfer: DIR is missing (see fxfer verify --help)\n",
  });
});

Deno.test("fxfer goes on without an error when the reader of its output goes away", async () => {
  await using folder = await stored(50);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--cached-only", "--allow-read"],
      ...[MAIN.href, "verify", "--json", folder.path],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assert.deepEqual({ code, err }, { code: 0, err: "" });
});
