/**
 * The structure that the README's picture shows, held to by the module graph itself: what is drawn
 * is what is imported.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listFiles } from "./helpers/files.ts";

const ROOT = new URL("../", import.meta.url);

/** The ground floor: open to all folders, and imports nothing but its own like. */
const GROUND = [
  "errors",
  "log",
  "address",
  "text",
  "events",
  "within",
  "deadlines",
  "digest_memory",
  "omit_undefined",
  "patience",
  "accept",
  "server_url",
];

/**
 * Which folder of src/ may import which; arrows only go down this list. A folder after a `?` may be
 * imported for its types alone.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  session: [],
  store: ["session"],
  storage: [],
  keys: [],
  tls: [],
  handler: ["protocol", "session", "store", "storage", "keys"],
  migration: ["session", "store", "storage", "handler"],
  server: ["protocol", "handler", "session", "keys", "tls", "?store", "?storage"],
  client: ["protocol", "session", "keys", "tls"],
  admin: ["?store", "?storage", "?server"],
  config: [],
  chaos: [],
  bench: [],
  lab: ["bench", "chaos", "client"],
  // It judges fxfer too, so it must not read or write frames by fxfer's own codec.
  conformance: [],
  // Only events, which are on the ground floor: a trace that looked at records would guess.
  trace: [],
  terminal: [],
  redis: ["config", "?store"],
  // It follows the list of stored files, and nothing else.
  hooks: ["?storage"],
  operate: [
    "?hooks",
    "admin",
    "config",
    "session",
    "handler",
    "server",
    "migration",
    "trace",
    "?store",
    "?storage",
  ],
  app: [
    ...[
      "config",
      "keys",
      "tls",
      "server",
      "storage",
      "store",
      "redis",
      "admin",
      "hooks",
      "migration",
      "operate",
    ],
    "terminal",
  ],
};

/**
 * Doors of folders besides their mod.ts. A mod.ts is loaded whole, so what many programs do without has a
 * door of its own.
 */
const SIDE_DOORS = [
  ...["store/memory", "store/sqlite", "store/redis"],
  ...["keys/sqlite_ledger", "keys/redis_ledger"],
  ...["storage/compaction", "storage/index_check", "storage/verify"],
  ...["tls/alpn", "admin/readiness", "terminal/progress"],
  // The text of files is a page of the help, as those of the folders are.
  "protocol/files/mod",
].map((name) => `src/${name}.ts`);

/** These may import every folder: they are commands, made of all the rest. */
const COMPOSERS = ["cli"];

/** These are pure: data and rules, no I/O and no waiting. */
const PURE = ["protocol", "session"];

/** The only file that talks to the console. */
const CONSOLE_FILE = "src/terminal/output.ts";

/** A longer file says why in a comment that has these words. */
const MAX_LINES = 300;
const REASON = /(over|longer than|above|more than) 300 lines/i;

/** An import as the module graph shows it. */
interface Arrow {
  /** Paths relative to the root; `to` is the specifier itself when it is no file of ours. */
  readonly from: string;
  readonly to: string;
  readonly specifier: string;
  readonly typesOnly: boolean;
}

interface Graph {
  readonly files: ReadonlySet<string>;
  readonly arrows: readonly Arrow[];
}

/** The module graph below an entry, as `deno info` sees it. */
async function graphOf(entry: string): Promise<Graph> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const local = (url: string) => url.startsWith(ROOT.href) ? url.slice(ROOT.href.length) : url;
  const files = new Set<string>();
  const arrows: Arrow[] = [];
  for (const module of modules) {
    if (!module.specifier.startsWith("file:")) continue;
    assert.equal(module.error, undefined, `${module.specifier}: ${module.error}`);
    const from = local(module.specifier);
    files.add(from);
    for (const { specifier, code, type } of module.dependencies ?? []) {
      const target = (code ?? type)?.specifier ?? specifier;
      arrows.push({ from, to: local(target), specifier, typesOnly: code === undefined });
    }
  }
  return { files, arrows };
}

/** The programs: fxfer, and those made for a role. */
const PROGRAMS = ["main.ts", "src/cli/roles/server.ts", "src/cli/roles/client.ts"];

const [library, ...programs] = await Promise.all(["mod.ts", ...PROGRAMS].map(graphOf));
const arrows = [library!, ...programs].flatMap((graph) => graph.arrows);
const sources = (await listFiles(fileURLToPath(new URL("src", ROOT))))
  .filter((path) => path.endsWith(".ts")).map((path) => `src/${path}`);

/** The folder of src/ that a file is in; undefined for the ground floor and what is not in src/. */
function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Source text without comments and the contents of strings. */
function codeOf(text: string): string {
  return text.replace(
    /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g,
    (match) => match.startsWith("/") ? "" : '""',
  );
}

/** Each file of src/ that a check says no to, as `path: why`. */
async function faults(
  check: (path: string, text: string) => string | false | undefined,
  paths: readonly string[] = sources,
): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const why = check(path, await Deno.readTextFile(new URL(path, ROOT)));
    if (why) found.push(`${path}: ${why}`);
  }
  return found;
}

/** Whether an arrow between folders is drawn in ALLOWED. */
function isAllowed({ from, to, typesOnly }: Arrow): boolean {
  const [source, target] = [folderOf(from), folderOf(to)];
  if (target === undefined || source === target) return true;
  if (source === undefined) return from === "mod.ts" || from === "main.ts";
  if (COMPOSERS.includes(source)) return true;
  const targets = ALLOWED[source] ?? [];
  return targets.includes(target) || (typesOnly && targets.includes(`?${target}`));
}

const show = ({ from, to }: Arrow) => `${from} -> ${to}`;

Deno.test("Imports between folders follow the arrows of the architecture", () => {
  assert.deepEqual(arrows.filter((arrow) => !isAllowed(arrow)).map(show), []);
});

Deno.test("The arrows of the architecture have no cycle", () => {
  const order = Object.keys(ALLOWED);
  const imports = arrows.filter(({ to, typesOnly }) => folderOf(to) !== undefined && !typesOnly);
  for (const arrow of imports) {
    const [source, target] = [folderOf(arrow.from), folderOf(arrow.to)];
    if (source === undefined || target === undefined || source === target) continue;
    if (COMPOSERS.includes(source)) continue;
    assert.ok(order.indexOf(target) < order.indexOf(source), `${show(arrow)} goes up`);
  }
});

Deno.test("No file of src/ imports itself by way of others, for types or for values", () => {
  const targets = Map.groupBy(arrows.filter(({ to }) => to.startsWith("src/")), ({ from }) => from);
  const clear = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, path: readonly string[]) => {
    if (clear.has(file)) return;
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      return;
    }
    for (const { to } of targets.get(file) ?? []) walk(to, [...path, file]);
    clear.add(file);
  };
  for (const file of sources) walk(file, []);
  assert.deepEqual(circles, []);
});

Deno.test("Every folder of src/ stands in the architecture", () => {
  const known = [...Object.keys(ALLOWED), ...COMPOSERS];
  const folders = new Set(sources.map(folderOf).filter((folder) => folder !== undefined));
  assert.deepEqual([...folders].filter((folder) => !known.includes(folder)), []);
});

Deno.test("A folder is entered through its mod.ts, or a door beside it", () => {
  const deep = arrows.filter(({ from, to }) => {
    const target = folderOf(to);
    if (target === undefined || target === folderOf(from)) return false;
    return to !== `src/${target}/mod.ts` && !SIDE_DOORS.includes(to);
  });
  assert.deepEqual(deep.map(show), []);
});

Deno.test("The ground floor imports only itself", () => {
  const ground = GROUND.map((name) => `src/${name}.ts`);
  const up = arrows.filter(({ from, to }) => ground.includes(from) && !ground.includes(to));
  assert.deepEqual(up.map(show), []);
});

Deno.test("The library reaches only relative, node: and pinned npm: modules", () => {
  const pinned = /^npm:(@[^/]+\/)?[^@/]+@\d+\.\d+\.\d+(\/.*)?$/;
  const foreign = library!.arrows.filter(({ specifier }) =>
    !specifier.startsWith("./") && !specifier.startsWith("../") &&
    !specifier.startsWith("node:") && !pinned.test(specifier)
  );
  assert.deepEqual(foreign.map(({ from, specifier }) => `${from}: ${specifier}`), []);
});

Deno.test("The library reaches neither the command line nor the configuration files", () => {
  assert.deepEqual([...library!.files].filter((path) => folderOf(path) === "cli"), []);
});

Deno.test("Every file of src/ is reached from mod.ts or a program", () => {
  const graphs = [library!, ...programs];
  const dead = sources.filter((path) => !graphs.some(({ files }) => files.has(path)));
  assert.deepEqual(dead, []);
});

Deno.test("The pure folders touch neither Deno, node: nor time, and never wait", async () => {
  const pure = sources.filter((path) => PURE.includes(folderOf(path) ?? ""));
  assert.ok(pure.length > 0);
  const impure = /\bDeno\b|\bawait\b|\basync\b|\bsetTimeout\b|\bDate\.now\b|\bfetch\(/;
  assert.deepEqual(await faults((_, text) => impure.exec(codeOf(text))?.[0], pure), []);
  const node = arrows.filter(({ from, specifier }) =>
    PURE.includes(folderOf(from) ?? "") && !specifier.startsWith(".")
  );
  assert.deepEqual(node.map(show), []);
});

Deno.test("Only the output file of the terminal uses the console", async () => {
  const users = await faults((path, text) =>
    path !== CONSOLE_FILE && /\bconsole\b/.exec(codeOf(text))?.[0]
  );
  assert.deepEqual(users, []);
});

Deno.test("A file over 300 lines says why", async () => {
  const long = await faults((_, text) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > MAX_LINES && !REASON.test(text) && `${lines} lines`;
  });
  assert.deepEqual(long, []);
});

Deno.test("Names of files are snake_case", () => {
  assert.deepEqual(sources.filter((path) => !/^src(\/[a-z0-9_]+)+\.ts$/.test(path)), []);
});

Deno.test("Nothing is left open, and no path of a machine or registry's host is named", async () => {
  // Split, so that this file does not find itself.
  const words = ["\\bTO" + "DO\\b", "\\bFIX" + "ME\\b", "\\bXX" + "X\\b", "\\.on" + "ly\\("];
  const places = ["/wo" + "rk/", "registry\\.npm" + "js", "\\.\\./sha" + "red/"];
  const unwanted = new RegExp([...words, ...places].join("|"));
  const everywhere = [...sources, "README.md", "mod.ts", "main.ts", "deno.json"];
  for (const dir of ["tests", ".ci", ".github"]) {
    const below = await listFiles(fileURLToPath(new URL(dir, ROOT)));
    everywhere.push(...below.map((path) => `${dir}/${path}`));
  }
  assert.deepEqual(await faults((_, text) => unwanted.exec(text)?.[0], everywhere), []);
});
