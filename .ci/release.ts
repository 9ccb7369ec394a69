/**
 * Looks whether this tree may be released: `deno task release`. It looks at the version, the
 * changelog, the work tree, the tag, the code and the build, and tells of each. It changes nothing
 * but dist/: it neither tags nor pushes, but prints the commands that do.
 *
 * `--no-build` leaves the build out, and says so. `--tag v1.2.3` is for the workflow that runs on a
 * tag: the tag is there already, and must be that of the version. `--notes` only prints what the
 * changelog says of the version.
 *
 * It is longer than 300 lines so that nothing of a release has to be looked for elsewhere.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script of the build

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ownBill } from "./sbom.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Where the changelog is, from the root. */
export const CHANGELOG = ".github/CHANGELOG.md";

const USAGE = "Usage: release.ts [--no-build] [--tag TAG] [--notes]";

/** How many lines of a failed program's output are shown: the end, where it says what is wrong. */
const SHOWN_LINES = 15;

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  /** Empty when all is well. */
  readonly problems: readonly string[];
  /** Why it was not looked at. */
  readonly skipped?: string;
}

/** What {@linkcode examine} leaves out or expects. */
export interface Options {
  /** Whether `deno task compile` is tried. */
  readonly build: boolean;
  /** The tag that is being released; undefined when there is none yet. */
  readonly tag?: string | undefined;
}

/** A section of the changelog. */
export interface Section {
  /** `Unreleased`, or a version. */
  readonly title: string;
  /** What stands in brackets behind the title, such as `2026-11-23`. */
  readonly date: string | undefined;
  /** The text below the heading. */
  readonly body: string;
  /** How many points it lists. */
  readonly points: number;
}

/** Whether a text is a version as https://semver.org wants it, without what may follow a `+`. */
export function isSemver(text: string): boolean {
  const number = "(?:0|[1-9]\\d*)";
  const word = `(?:${number}|\\d*[A-Za-z-][0-9A-Za-z-]*)`;
  return new RegExp(`^${number}(?:\\.${number}){2}(?:-${word}(?:\\.${word})*)?$`).test(text);
}

/**
 * What is wrong with the version: it stands in deno.json, and whatever else says `fxfer X.Y.Z` says
 * the same.
 *
 * @param texts The other files, by their path.
 */
export function versionProblems(
  version: unknown,
  texts: ReadonlyMap<string, string> = new Map(),
): string[] {
  if (typeof version !== "string" || !isSemver(version)) {
    return [`Cannot release version ${JSON.stringify(version)} of deno.json: not like 1.2.3`];
  }
  // Also fxfer@X.Y.Z, fxfer:X.Y.Z and fxfer-vX.Y.Z, but no address of four numbers.
  const said = /\bfxfer[@:/ -]v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]*[0-9A-Za-z])?)(?!\d|\.\d)/gi;
  const problems: string[] = [];
  for (const [path, text] of texts) {
    for (const [index, line] of text.split("\n").entries()) {
      for (const [, other] of line.matchAll(said)) {
        if (other === version) continue;
        problems.push(`${path}:${index + 1} says version ${other}, deno.json says ${version}`);
      }
    }
  }
  return problems;
}

/** The sections of the changelog, `## Title` or `## Title (date)`, in its order. */
export function parseChangelog(text: string): Section[] {
  return text.replaceAll("\r\n", "\n").split(/^## /m).slice(1).map((section) => {
    const [heading = "", ...lines] = section.split("\n");
    const [, title = "", date] = /^(.*?)(?:\s*\((.*)\))?\s*$/.exec(heading)!;
    const points = lines.filter((line) => /^[-*] +\S/.test(line)).length;
    return { title, date, body: lines.join("\n").trim(), points };
  });
}

/** What is wrong with what the changelog says of a version. */
export function changelogProblems(text: string, version: string): string[] {
  const sections = parseChangelog(text);
  const [section, ...more] = sections.filter(({ title }) => title === version);
  if (section === undefined) return [`${CHANGELOG} has no section "## ${version} (date)"`];
  const problems: string[] = [];
  if (more.length > 0) problems.push(`${CHANGELOG} has more than one section for ${version}`);
  if (section.points === 0) {
    problems.push(
      `${CHANGELOG} lists nothing for ${version}: it needs a line that begins with "- "`,
    );
  }
  if (!isDate(section.date)) {
    problems.push(`${CHANGELOG} does not date ${version}: it wants "## ${version} (YYYY-MM-DD)"`);
  }
  const waiting = sections.find(({ title }) => title === "Unreleased")?.points ?? 0;
  if (waiting > 0) {
    problems.push(`${CHANGELOG} still lists changes under "Unreleased": they belong to ${version}`);
  }
  return problems;
}

/** Whether a text is a day of the calendar, `2026-11-23`. */
function isDate(text: string | undefined): boolean {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  // Some days that do not exist are taken for one of the next month.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** What is wrong with a work tree, from `git status --porcelain`: what is not committed is not tagged. */
export function treeProblems(status: string): string[] {
  const changed = status.split("\n").filter((line) => line !== "").map((line) => line.slice(3));
  if (changed.length === 0) return [];
  const shown = changed.slice(0, 5).join(", ");
  const rest = changed.length > 5 ? ` and ${changed.length - 5} more` : "";
  return [`Cannot release what is not committed: ${shown}${rest}`];
}

/**
 * What is wrong with the tag of a version.
 *
 * @param tags Those that there are.
 * @param released The tag that is being released; undefined when there must be none yet.
 */
export function tagProblems(version: string, tags: readonly string[], released?: string): string[] {
  const tag = `v${version}`;
  if (released === undefined) {
    return tags.includes(tag) ? [`Cannot release ${version} again: there is a tag ${tag}`] : [];
  }
  return released === tag ? [] : [`Cannot release tag ${released}: deno.json says ${version}`];
}

/** Every package must stand in the bill of materials, which the workflow adds to the release. */
async function mustBeListed(): Promise<string[]> {
  await ownBill();
  return [];
}

/** What the failure of `deno task compile` says of the build: it may be unknown, and is never good. */
export function buildProblem(output: string): string {
  return /has no base/.test(output)
    ? "Cannot try the build: `deno task compile` had no base to put the programs on, so nothing is " +
      `known of it\n${lastLines(output, Infinity)}`
    : `Cannot release what does not build: \`deno task compile\` failed\n${lastLines(output)}`;
}

/** The commands that release, each a line; `branch` is empty where no branch is checked out. */
export function tagCommands(version: string, branch: string): string[] {
  const refs = branch === "" ? `v${version}` : `${branch} v${version}`;
  return [
    `git tag --annotate v${version} --message "fxfer ${version}"`,
    `git push --atomic origin ${refs}`,
  ];
}

function lastLines(output: string, count = SHOWN_LINES): string {
  const lines = output.trim().split("\n").map((line) => line.trimEnd());
  return lines.slice(-count).map((line) => line === "" ? "" : `  ${line}`).join("\n");
}

/** Looks at everything in turn; nothing that is found keeps it from looking at the next. */
export async function* examine(root: string, options: Options): AsyncGenerator<Finding> {
  let fit = true;
  const look = async (check: string, find: () => Promise<string[]>): Promise<Finding> => {
    const problems = await find().catch((error) => [messageOf(error)]);
    fit &&= problems.length === 0;
    return { check, problems };
  };
  const version = await versionOf(root).catch(() => undefined);
  const name = String(version);

  yield await look("version", async () => {
    return versionProblems(await versionOf(root), await otherTexts(root));
  });
  yield await look("changelog", async () => changelogProblems(await readChangelog(root), name));
  yield await look("work tree", async () => {
    return treeProblems(await git(root, "status", "--porcelain", "--untracked-files=all"));
  });
  yield await look("tag", async () => {
    return tagProblems(name, (await git(root, "tag", "--list")).split("\n"), options.tag);
  });
  yield await look("format", () => mustPass(root, ["fmt", "--check"]));
  yield await look("lint", () => mustPass(root, ["lint"]));
  yield await look("types", () => mustPass(root, ["check", "--frozen"]));
  yield await look("bill of materials", mustBeListed);
  if (!options.build) yield { check: "build", problems: [], skipped: "--no-build" };
  else if (!fit) yield { check: "build", problems: [], skipped: "first the problems above" };
  else yield await look("build", () => mustBuild(root));
}

async function versionOf(root: string): Promise<unknown> {
  return JSON.parse(await Deno.readTextFile(`${root}/deno.json`)).version;
}

/** A changelog that is not there says nothing. */
async function readChangelog(root: string): Promise<string> {
  return await Deno.readTextFile(`${root}/${CHANGELOG}`).catch(unlessAbsent);
}

/** What may repeat the version. Tests use any, and the changelog has those that were. */
async function otherTexts(root: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const path of (await git(root, "ls-files", "-z")).split("\0")) {
    if (path === "" || path === CHANGELOG || path.startsWith("tests/")) continue;
    texts.set(path, await Deno.readTextFile(`${root}/${path}`).catch(unlessAbsent));
  }
  return texts;
}

/** A file that was removed is the work tree's problem. */
function unlessAbsent(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "";
  throw error;
}

async function git(root: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await run("git", root, args);
  if (success) return stdout;
  throw new Error(`Cannot look at the repository: git ${args[0]} failed: ${stderr.trim()}`);
}

async function mustPass(root: string, args: string[]): Promise<string[]> {
  const { success, stdout, stderr } = await run(Deno.execPath(), root, args);
  if (success) return [];
  const output = lastLines(stdout + stderr);
  return [`Cannot release what \`deno ${args.join(" ")}\` refuses\n${output}`];
}

async function mustBuild(root: string): Promise<string[]> {
  const { success, stdout, stderr } = await run(Deno.execPath(), root, ["task", "compile"]);
  return success ? [] : [buildProblem(stdout + stderr)];
}

async function run(program: string, cwd: string, args: string[]) {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      cwd,
      stdin: "null",
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`Cannot run ${program}: not found`);
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** How a finding is told. */
export function tell({ check, problems, skipped }: Finding): string {
  const name = check.padEnd(10);
  if (skipped !== undefined) return `not tried  ${name} ${skipped}`;
  if (problems.length === 0) return `ok         ${check}`;
  return problems.map((problem) => `FAILED     ${name} ${problem}`).join("\n");
}

/** Does what the arguments ask for; returns the exit code. */
export async function main(
  args: readonly string[],
  root: string = ROOT,
  print: (text: string) => void = console.log,
): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        "no-build": { type: "boolean" },
        notes: { type: "boolean" },
        tag: { type: "string" },
      },
    });
    return values.notes === true
      ? await printNotes(root, print)
      : await mayRelease(root, { build: values["no-build"] !== true, tag: values.tag }, print);
  } catch (error) {
    print(`${messageOf(error)}\n${USAGE}`);
    return 1;
  }
}

async function printNotes(root: string, print: (text: string) => void): Promise<number> {
  const version = await versionOf(root);
  const section = parseChangelog(await readChangelog(root)).find(({ title }) => title === version);
  if (section === undefined) throw new Error(`${CHANGELOG} has no section "## ${version} (date)"`);
  print(section.body);
  return 0;
}

async function mayRelease(
  root: string,
  options: Options,
  print: (text: string) => void,
): Promise<number> {
  let problems = 0;
  for await (const finding of examine(root, options)) {
    problems += finding.problems.length;
    print(tell(finding));
  }
  const version = await versionOf(root).catch(() => "this tree");
  print("");
  if (problems > 0) {
    print(`fxfer ${version} cannot be released yet: ${problems} to put right, see above`);
    return 1;
  }
  const but = options.build ? "" : ", as far as that can be told without the build";
  print(`fxfer ${version} can be released${but}.`);
  if (options.tag !== undefined) return 0;
  const branch = (await git(root, "branch", "--show-current")).trim();
  print("When CI is green for this commit, this does it:\n");
  for (const command of tagCommands(String(version), branch)) print(`  ${command}`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
