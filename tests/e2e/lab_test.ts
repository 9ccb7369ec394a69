/** `fxfer lab`: one small experiment, really run. @module */
import assert from "node:assert/strict";
import { EXPERIMENTS } from "../../src/lab/mod.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { TempDir } from "../helpers/temp.ts";

Deno.test("fxfer lab exactly-once writes its report and its figures, and leaves nothing else", async () => {
  await using folder = await TempDir.make();
  const temp = folder.join("temp");
  await Deno.mkdir(temp);
  const { code, out, err } = await fxfer(["lab", "exactly-once", "--quick", "--out", "a/b"], {
    cwd: folder.path,
    env: { TMPDIR: temp, TMP: temp },
  });
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /^1\/1 {2}At most once, at least once, exactly once$/m);
  assert.match(out, /^Done in .* Open a\/b\/report\.html\n$/m);
  assert.deepEqual([...Deno.readDirSync(temp)], [], "nothing is left");
  const names = [...Deno.readDirSync(folder.join("a/b"))].map(({ name }) => name).sort();
  assert.deepEqual(names, ["exactly-once.csv", "exactly-once.json", "report.html"]);

  const rows = JSON.parse(await Deno.readTextFile(folder.join("a/b/exactly-once.json")));
  const lines = (await Deno.readTextFile(folder.join("a/b/exactly-once.csv"))).trimEnd().split(
    "\r\n",
  );
  assert.deepEqual(lines[0]!.split(","), Object.keys(rows[0]));
  assert.equal(lines.length, rows.length + 1);
  // What the experiment is there to show: a file for each number of copies, and both cures.
  const [once, again, ids, session] = rows;
  assert.ok(once.never > 0 && once.more_often === 0, JSON.stringify(once));
  assert.ok(again.never === 0 && again.more_often > 0, JSON.stringify(again));
  for (const cured of [ids, session]) {
    assert.deepEqual([cured.never, cured.more_often], [0, 0], JSON.stringify(cured));
  }

  const html = await Deno.readTextFile(folder.join("a/b/report.html"));
  const links = html.match(/https?:\/\/[^"'\s<)]*/g) ?? [];
  assert.deepEqual(links.filter((link) => !link.startsWith("http://www.w3.org/")), []);
  assert.ok(!/<script|<link|\bsrc=/i.test(html));
});

Deno.test("fxfer lab that is interrupted ends its servers and leaves no temporary folder", async () => {
  await using folder = await TempDir.make();
  const temp = folder.join("temp");
  await Deno.mkdir(temp);
  const run = start(["lab", "distance", "--quick"], {
    cwd: folder.path,
    env: { TMPDIR: temp, TMP: temp },
  });
  await run.output.wait((line) => line.includes("in flight"), "the first measurement");
  run.kill("SIGINT");
  const { code, err } = await run.ended;
  assert.deepEqual([code, err], [130, "fxfer: Interrupted\n"]);
  assert.deepEqual([...Deno.readDirSync(temp)], []);
});

Deno.test("fxfer lab names a wrong word, a wrong seed and a folder that cannot be made", async () => {
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("file"), "");
  const [first] = EXPERIMENTS;
  for (
    const [args, code, text] of [
      [["speed"], 1, new RegExp(`wanted ${first!.name}, .*found "speed"`)],
      [["--seed", "x"], 1, /--seed: wanted a whole number, found "x"/],
      [["--out", "file/below"], 8, /Cannot make the folder file\/below: /],
      [["--out", "file"], 8, /Cannot make the folder file: /],
    ] as const
  ) {
    const ran = await fxfer(["lab", ...args], { cwd: folder.path });
    assert.deepEqual([ran.code, ran.out], [code, ""], args.join(" "));
    assert.match(ran.err, text);
  }
});

Deno.test("A program that may not start others says how to run experiments", async () => {
  await using folder = await TempDir.make();
  const flags = ["--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env"];
  const { code, err } = await fxfer(["lab", "exactly-once", "--quick"], {
    cwd: folder.path,
    flags,
  });
  assert.equal(code, 1);
  assert.match(
    err,
    /Cannot run experiments: this program may not start others; run fxfer from source/,
  );
});
