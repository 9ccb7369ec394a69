/** What `deno task release` finds, in texts and in a repository made for it. @module */
import assert from "node:assert/strict";
import {
  buildProblem,
  CHANGELOG,
  changelogProblems,
  isSemver,
  main,
  parseChangelog,
  tagCommands,
  tagProblems,
  tell,
  treeProblems,
  versionProblems,
} from "../../.ci/release.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = new URL("../../", import.meta.url);

const CHANGES = `# Changelog

## Unreleased

## 1.2.0 (2026-11-23)

Words before the list.

- One change
- Another

## 1.1.0 (2026-10-01)

- An old one
`;

/** A repository that may be released as 1.2.0. */
class Repository implements AsyncDisposable {
  private constructor(readonly dir: TempDir) {}

  static async make(): Promise<Repository> {
    const repository = new Repository(await TempDir.make());
    const json = { version: "1.2.0", tasks: { compile: "deno run -A make.ts" } };
    await repository.write("deno.json", `${JSON.stringify(json, null, 2)}\n`);
    await repository.write("make.ts", 'await Deno.writeTextFile("made", "");\n');
    await repository.write(".gitignore", "/made\n");
    await repository.write("main.ts", "export const answer: number = 42;\n");
    await repository.write(CHANGELOG, CHANGES);
    await repository.git("init", "--quiet", "--initial-branch=main");
    await repository.commit();
    return repository;
  }

  async write(path: string, text: string): Promise<void> {
    const folder = this.dir.join(path).replace(/\/[^/]*$/, "");
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(this.dir.join(path), text);
  }

  async commit(): Promise<void> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", "a commit");
  }

  async git(...args: string[]): Promise<void> {
    const own = ["user.name=x", "user.email=x@y.example", "commit.gpgsign=false"];
    const { success, stderr } = await new Deno.Command("git", {
      args: [...own.flatMap((setting) => ["-c", setting]), ...args],
      cwd: this.dir.path,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }

  /** Runs the task; returns its exit code and what it wrote. */
  async release(...args: string[]): Promise<{ code: number; text: string }> {
    const lines: string[] = [];
    const code = await main(args, this.dir.path, (line) => lines.push(line));
    return { code, text: lines.join("\n") };
  }

  /** Whether the build was run. */
  async built(): Promise<boolean> {
    return await Deno.stat(this.dir.join("made")).then(() => true, () => false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }
}

Deno.test("A version has three numbers and maybe a word for what comes before it", () => {
  for (const good of ["0.1.0", "1.2.3", "10.20.30", "1.0.0-rc.1", "1.0.0-alpha-2", "1.0.0-0a"]) {
    assert.ok(isSemver(good), good);
  }
  for (
    const bad of ["", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3 "]
  ) {
    assert.ok(!isSemver(bad), bad);
  }
});

Deno.test("A version that is missing or no version cannot be released", () => {
  for (const bad of [undefined, 1, "1.2", "next"]) {
    assert.match(versionProblems(bad).join(), /^Cannot release version .* of deno\.json/);
  }
});

Deno.test("A file that names another version of fxfer is told with its line", () => {
  const texts = new Map([
    ["same.md", "fxfer 1.2.0 and @fxfer/fxfer@1.2.0 and fxfer-v1.2.0"],
    ["other.md", "nothing here\nget fxfer 1.1.0, or fxfer@1.2.0-rc.1."],
    ["none.md", "fxfer 10.1.2.30, deno 2.9.6, fxfer at 127.0.0.1"],
  ]);
  assert.deepEqual(versionProblems("1.2.0", texts), [
    "other.md:2 says version 1.1.0, deno.json says 1.2.0",
    "other.md:2 says version 1.2.0-rc.1, deno.json says 1.2.0",
  ]);
});

Deno.test("The changelog is read as sections with a title, a date and points", () => {
  const sections = parseChangelog(CHANGES);
  assert.deepEqual(sections.map(({ title, date, points }) => [title, date, points]), [
    ["Unreleased", undefined, 0],
    ["1.2.0", "2026-11-23", 2],
    ["1.1.0", "2026-10-01", 1],
  ]);
  assert.equal(sections[2]?.body, "- An old one");
  assert.deepEqual(parseChangelog(CHANGES.replaceAll("\n", "\r\n")), sections);
});

Deno.test("A version needs a section of its own in the changelog, with a date and a point", () => {
  assert.deepEqual(changelogProblems(CHANGES, "1.2.0"), []);
  const problem = (text: string, version = "1.2.0") => changelogProblems(text, version).join();
  assert.match(problem(CHANGES, "1.3.0"), /no section "## 1\.3\.0 \(date\)"/);
  assert.match(problem(""), /no section/);
  assert.match(problem("## 1.2.0 (2026-11-23)\n\nwords\n"), /lists nothing for 1\.2\.0/);
  assert.match(problem("## 1.2.0\n\n- a\n"), /does not date 1\.2\.0/);
  assert.match(problem("## 1.2.0 (soon)\n\n- a\n"), /does not date/);
  assert.match(problem("## 1.2.0 (2026-02-30)\n\n- a\n"), /does not date/);
  assert.match(problem(`${CHANGES}\n## 1.2.0 (2026-11-24)\n\n- b\n`), /more than one section/);
});

Deno.test("Changes that wait under Unreleased belong to the version that is released", () => {
  const text = CHANGES.replace("## Unreleased\n", "## Unreleased\n\n- new\n");
  assert.match(changelogProblems(text, "1.2.0").join(), /still lists changes under "Unreleased"/);
});

Deno.test("What is not committed is named, but not all of it", () => {
  assert.deepEqual(treeProblems(""), []);
  assert.match(treeProblems(" M src/a.ts\n?? b.ts\n").join(), /: src\/a\.ts, b\.ts$/);
  const many = Array.from({ length: 8 }, (_, i) => `?? ${i}.ts\n`).join("");
  assert.match(treeProblems(many).join(), /4\.ts and 3 more$/);
});

Deno.test("A version is tagged once, and a tag that is released is that of the version", () => {
  assert.deepEqual(tagProblems("1.2.0", ["v1.1.0"]), []);
  assert.match(tagProblems("1.2.0", ["v1.1.0", "v1.2.0"]).join(), /there is a tag v1\.2\.0/);
  assert.deepEqual(tagProblems("1.2.0", ["v1.2.0"], "v1.2.0"), []);
  assert.match(tagProblems("1.2.0", [], "v1.2.1").join(), /Cannot release tag v1\.2\.1/);
});

Deno.test("A build that could not be tried is told apart from one that failed", () => {
  const absent = "Cannot compile: Deno 2.9.6 has no base to put the program on.\nadvice";
  assert.match(
    buildProblem(absent),
    /^Cannot try the build.*nothing is known of it\n.*\n {2}advice$/,
  );
  assert.match(buildProblem("error: no such module"), /^Cannot release what does not build/);
});

Deno.test("The commands push the branch and its tag together, or the tag alone", () => {
  assert.deepEqual(tagCommands("1.2.0", "main"), [
    'git tag --annotate v1.2.0 --message "fxfer 1.2.0"',
    "git push --atomic origin main v1.2.0",
  ]);
  assert.equal(tagCommands("1.2.0", "")[1], "git push --atomic origin v1.2.0");
});

Deno.test("What was not tried is never told as ok", () => {
  assert.match(tell({ check: "build", problems: [], skipped: "why" }), /^not tried +build +why$/);
});

testWith(
  ["git"],
  "A tree that is fit gets the commands, and neither a tag nor a change",
  async () => {
    await using repository = await Repository.make();
    const { code, text } = await repository.release();
    assert.equal(code, 0, text);
    assert.match(text, /fxfer 1\.2\.0 can be released\.$/m);
    assert.match(text, /^ {2}git push --atomic origin main v1\.2\.0$/m);
    assert.ok(await repository.built());
    assert.equal(code, (await repository.release("--no-build")).code);
  },
);

testWith(
  ["git"],
  "Everything that is wrong is told at once, and then there is no build",
  async () => {
    await using repository = await Repository.make();
    await repository.git("tag", "v1.2.0");
    await repository.write("main.ts", "export let answer: string = 42\n");
    await repository.write(CHANGELOG, "# Changelog\n");
    const { code, text } = await repository.release();
    assert.equal(code, 1);
    for (const check of ["changelog", "work tree", "tag", "format", "lint", "types"]) {
      assert.match(text, new RegExp(`^FAILED +${check} `, "m"));
    }
    assert.match(text, /^ok +version$/m);
    assert.match(text, /^not tried +build/m);
    assert.match(text, /cannot be released yet: 6 to put right/);
    assert.doesNotMatch(text, /git push/);
    assert.ok(!await repository.built());
  },
);

testWith(["git"], "A build that fails, or has no base, is no release", async () => {
  await using repository = await Repository.make();
  await repository.write("make.ts", 'throw new Error("Deno has no base to put the program on");\n');
  await repository.commit();
  const { code, text } = await repository.release();
  assert.equal(code, 1);
  assert.match(text, /^FAILED +build +Cannot try the build/m);
  assert.doesNotMatch(text, /git push/);
});

testWith(["git"], "A release without the build says that it was not tried", async () => {
  await using repository = await Repository.make();
  await repository.git("tag", "v1.2.0");
  const { code, text } = await repository.release("--no-build", "--tag", "v1.2.0");
  assert.equal(code, 0, text);
  assert.match(text, /^not tried +build +--no-build$/m);
  assert.match(text, /can be released, as far as that can be told without the build/);
  assert.doesNotMatch(text, /git push/);
});

testWith(["git"], "The notes of a release are its section of the changelog", async () => {
  await using repository = await Repository.make();
  const { code, text } = await repository.release("--notes");
  assert.equal(code, 0);
  assert.equal(text, "Words before the list.\n\n- One change\n- Another");
});

Deno.test("A folder that is no repository, and a flag that is none, are told", async () => {
  await using dir = await TempDir.make();
  const lines: string[] = [];
  assert.equal(await main(["--no-build"], dir.path, (line) => lines.push(line)), 1);
  assert.match(lines.join("\n"), /^FAILED +version /m);
  assert.equal(await main(["--push"], dir.path, (line) => lines.push(line)), 1);
  assert.match(lines.at(-1)!, /--push[^]*Usage: release\.ts/);
});

Deno.test("Of this repository, the version and its section of the changelog are in order", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const changelog = await Deno.readTextFile(new URL(CHANGELOG, ROOT));
  // What is under Unreleased waits for the next version.
  const problems = changelogProblems(changelog, version).filter((text) => !/Unreleased/.test(text));
  assert.deepEqual([...versionProblems(version), ...problems], []);
});
