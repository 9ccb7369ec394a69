/**
 * Makes the programs, with their permissions baked in: `deno task compile` for this machine into
 * dist/, `deno task compile:all` for every target of Deno into dist/TARGET/.
 *
 * `deno compile` puts a program behind a base it downloads from Deno's release host; the variable
 * DENORT_BIN names a base that is here already.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script of the build

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What is compiled. */
export interface Binary {
  readonly name: string;
  /** Its first module, from the root. */
  readonly entry: string;
  /** All it will ever be permitted; paths are those of the folder it is run in. */
  readonly permissions: readonly string[];
}

/**
 * Bounds the space of V8 for new objects to 24 MiB: with a thousand connections it would grow to 64 MiB.
 * Half as much costs time, and more gains none.
 */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=8";

/** The programs: everything, and one a role, as narrow as the role allows. */
export const BINARIES: readonly Binary[] = [
  {
    name: "fxfer",
    entry: "main.ts",
    // No other programs, no native code, and of the environment only what kind of terminal there is.
    permissions: [
      ...["--allow-net", "--allow-read", "--allow-write", "--allow-sys=statfs,networkInterfaces"],
      "--allow-env=TERM",
    ],
  },
  {
    name: "fxfer-server",
    entry: "src/cli/roles/server.ts",
    permissions: [
      "--allow-net",
      "--allow-read=storage,config.yaml,fxfer.keys",
      "--allow-write=storage",
    ],
  },
  {
    name: "fxfer-client",
    entry: "src/cli/roles/client.ts",
    // With statfs it knows the disks that answer at once, where small files are read and written faster.
    permissions: [
      ...["--allow-net", "--allow-read", "--allow-write", "--allow-sys=statfs"],
      "--allow-env=TERM",
    ],
  },
];

/** Where `deno compile` of 2.9.6 can make programs for. */
export const TARGETS: readonly string[] = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-pc-windows-msvc",
  "aarch64-pc-windows-msvc",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
];

/** Where a program is written, from the root; `target` is absent for this machine. */
export function outputOf({ name }: Binary, target?: string): string {
  const windows = target?.includes("windows") ?? Deno.build.os === "windows";
  return `${target === undefined ? "dist" : `dist/${target}`}/${name}${windows ? ".exe" : ""}`;
}

/** A lock file of Deno, as far as it is read here. */
export interface Lock {
  readonly version: string;
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, { readonly dependencies?: readonly string[] }>>;
}

/**
 * The part of a lock that some packages need. `deno compile` embeds every package of its lock, those of
 * the tests too: with the whole lock a program is twice as large.
 *
 * @param roots The packages that are imported, as `name@version`.
 */
export function lockOf(lock: Lock, roots: readonly string[]): Lock {
  const keys = Object.keys(lock.npm);
  // A key may say more than a dependency that names it: its version, and that of its peers.
  const named = (name: string) =>
    keys.filter((key) =>
      key === name || /^[@_]/.test(key.slice(name.length)) && key.startsWith(name)
    );
  const wanted = new Set<string>();
  const take = (name: string): void => {
    for (const key of named(name)) {
      if (wanted.has(key)) continue;
      wanted.add(key);
      for (const dependency of lock.npm[key]!.dependencies ?? []) take(dependency);
    }
  };
  for (const root of roots) take(root);
  const only = <T>(of: Readonly<Record<string, T>>, has: (key: string) => boolean) =>
    Object.fromEntries(Object.entries(of).filter(([key]) => has(key)));
  return {
    ...lock,
    specifiers: only(lock.specifiers, (key) => roots.includes(key.slice("npm:".length))),
    npm: only(lock.npm, (key) => wanted.has(key)),
  };
}

/** What `deno info --json` says. */
async function info(...entry: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...entry],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The lock of what a program imports. */
async function lockFor(entry: string): Promise<Lock> {
  const { modules } = await info(entry);
  const roots = (modules as { specifier: string }[])
    .map(({ specifier }) => /^npm:\/((?:@[^/]+\/)?[^/]+)/.exec(specifier)?.[1])
    .filter((name) => name !== undefined);
  return lockOf(JSON.parse(await Deno.readTextFile(`${ROOT}/.ci/deno.lock`)), roots);
}

/** Of these packages only the files named here are used: that of echarts has tslib and zrender inside. */
const ONLY_USED: Readonly<Record<string, readonly string[]>> = {
  echarts: ["dist/echarts.esm.min.mjs"],
  tslib: [],
  uplot: ["dist/uPlot.iife.min.js", "dist/uPlot.min.css"],
  zrender: [],
};

/** What is kept of every package: its description, and what its license asks to be kept. */
const KEPT = /^(package\.json|licen[cs]e.*|notice.*)$/i;

/** Files that no program reads. */
const UNREAD = /\.(map|md|d\.[cm]?ts)$|^(test|tests|examples|docs)\//;

/**
 * Whether a program can do without a file of a package. Deno embeds the packages whole and reads them into
 * memory at each start: with all files `fxfer --version` takes 116 ms, with those that are used 60.
 *
 * @param path From the package's folder, with `/`.
 */
export function isLeftOut(name: string, path: string): boolean {
  const used = ONLY_USED[name];
  if (KEPT.test(path)) return false;
  return used === undefined ? UNREAD.test(path) : !used.includes(path);
}

/** The paths below `folder` to leave out: a folder of which nothing is used counts as one. */
async function* leftOutIn(name: string, folder: string, below = ""): AsyncGenerator<string> {
  for await (const { name: entry, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    const path = below + entry;
    const used = ONLY_USED[name];
    if (!isDirectory) {
      if (isLeftOut(name, path)) yield `${folder}/${path}`;
    } else if (used?.every((file) => !file.startsWith(`${path}/`))) yield `${folder}/${path}`;
    else yield* leftOutIn(name, folder, `${path}/`);
  }
}

/** What a program leaves out of its packages, as paths in Deno's cache. */
async function leftOut({ npm }: Lock): Promise<string[]> {
  // The line that starts a program is too short for these paths there.
  if (Deno.build.os === "windows") return [];
  const { npmCache } = await info();
  const registries = await Array.fromAsync(Deno.readDir(npmCache as string));
  const paths: string[] = [];
  for (const key of Object.keys(npm)) {
    const [, name = "", version = ""] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
    for (const { name: registry } of registries) {
      const folder = `${npmCache}/${registry}/${name}/${version}`;
      try {
        paths.push(...await Array.fromAsync(leftOutIn(name, folder)));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
  return paths;
}

/**
 * The arguments of `deno` that compile a program. Types are checked elsewhere (`deno task ok`).
 *
 * No code is kept from one start to the next: it saves 5 ms, and Deno keeps it under a name that others can
 * guess in a folder where they may write, so that on a machine with many users it could be anybody's code.
 */
export function compileArgs(
  binary: Binary,
  lock: string,
  target?: string,
  without: readonly string[] = [],
): string[] {
  return [
    ...["compile", "--quiet", "--no-check", "--no-prompt", "--no-code-cache"],
    ...["--frozen", "--lock", lock],
    ...without.flatMap((path) => ["--exclude", path]),
    V8_FLAGS,
    ...binary.permissions,
    ...(target === undefined ? [] : ["--target", target]),
    ...["--output", outputOf(binary, target), binary.entry],
  ];
}

/** What to do where Deno has no base: it could not be downloaded, or the one named is not there. */
export function adviceFor(error: string, deno: string): string | undefined {
  if (!/denort/.test(error)) return undefined;
  return [
    `Cannot compile: Deno ${deno} has no base to put the program on.`,
    "It downloads one from its release host, dl.deno.land. Where that is out of reach, get",
    `denort-<target>.zip of release v${deno} another way, unpack it, and name it:`,
    "",
    "  DENORT_BIN=/path/to/denort deno task compile",
    "",
    "On Linux x86-64 npm has a base for Deno 2.6.8, the oldest version fxfer runs on:",
    "",
    "  bash .ci/denort.sh dist/.denort",
    '  DENORT_BIN="$PWD/dist/.denort" npx -y deno@2.6.8 task compile',
  ].join("\n");
}

async function compile(binary: Binary, target?: string): Promise<void> {
  const needed = await lockFor(binary.entry);
  const lock = await Deno.makeTempFile({ prefix: "fxfer_lock_" });
  await Deno.writeTextFile(lock, JSON.stringify(needed));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: compileArgs(binary, lock, target, await leftOut(needed)),
    cwd: ROOT,
    // Deno looks into every module of npm:prom-client, which import each other in circles: with the stack
    // that its threads have by default, Deno 2.6.8 ends there.
    env: { NO_COLOR: "1", RUST_MIN_STACK: String(64 * 2 ** 20) },
    stdout: "inherit",
    stderr: "piped",
  }).output().finally(() => Deno.remove(lock));
  const output = outputOf(binary, target);
  if (success) {
    if (target === undefined) await mustRun(binary);
    const { size } = await Deno.stat(`${ROOT}/${output}`);
    return console.log(`${output}: ${Math.round(size / 2 ** 20)} MiB`);
  }
  const error = new TextDecoder().decode(stderr);
  throw new Error(adviceFor(error, Deno.version.deno) ?? `Cannot compile ${output}: ${error}`);
}

/** A base of another version makes a program that does not start, and no compiler says so. */
async function mustRun(binary: Binary): Promise<void> {
  const { success } = await new Deno.Command(`${ROOT}/${outputOf(binary)}`, {
    args: ["--version"],
    stdout: "null",
    stderr: "null",
  }).output();
  if (success) return;
  throw new Error(
    `${outputOf(binary)} does not start: DENORT_BIN is not a base for Deno ${Deno.version.deno}`,
  );
}

/** Compiles what the arguments ask for; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const all = args.includes("--all");
  try {
    if (args.some((arg) => arg !== "--all")) throw new Error("Usage: compile.ts [--all]");
    if (all && Deno.env.get("DENORT_BIN")) {
      throw new Error("Cannot compile for every target: DENORT_BIN is the base of one, unset it");
    }
    for (const target of all ? TARGETS : [undefined]) {
      for (const binary of BINARIES) await compile(binary, target);
    }
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
