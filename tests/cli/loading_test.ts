/** What is loaded before a command begins: this is most of the time that a short command takes. */
import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

/** The modules that are loaded with an entry, without those that it imports only when it needs them. */
async function loadedWith(...entries: string[]): Promise<Set<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: ROOT,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: {
      specifier: string;
      dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[];
    }[];
  };
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set(entries.map((entry) => new URL(entry, ROOT).href));
  for (const specifier of loaded) {
    for (const { isDynamic, code } of bySpecifier.get(specifier)?.dependencies ?? []) {
      if (isDynamic !== true && code?.specifier !== undefined) loaded.add(code.specifier);
    }
  }
  return new Set([...loaded].map((specifier) => specifier.replace(ROOT.href, "")));
}

/** The module of each client's command, and the most modules that it may load with the program. */
const COMMANDS: readonly (readonly [string, number])[] = [
  ["src/cli/send/command.ts", 110],
  ["src/cli/get/command.ts", 101],
  ["src/cli/stored/ls.ts", 90],
  ["src/cli/stored/rm.ts", 91],
];

/** Folders of src/ that a client's command needs only with certain flags, or never. */
const NOT_FOR_CLIENTS =
  /^src\/(admin|app|bench|chaos|conformance|handler|hooks|keys|lab|migration|operate|redis|server|session|storage|store|tls|trace)\//;

Deno.test("the program itself loads few modules, and no texts of its help", async () => {
  const loaded = await loadedWith("main.ts");
  assert.ok(loaded.has("src/cli/program.ts"));
  assert.ok(loaded.size <= 22, `it loads ${loaded.size}: ${[...loaded].join(" ")}`);
  assert.deepEqual(
    [...loaded].filter((path) => /^src\/(config|cli\/help|cli\/report)/.test(path)),
    [],
  );
});

for (const [entry, most] of COMMANDS) {
  Deno.test(`${entry} loads what sending and asking needs, and nothing of TLS, keys or servers`, async () => {
    const loaded = await loadedWith("main.ts", entry);
    assert.ok(loaded.has("src/client/mod.ts"));
    assert.deepEqual([...loaded].filter((path) => NOT_FOR_CLIENTS.test(path)), []);
    assert.deepEqual([...loaded].filter((path) => /^npm:|^node:crypto/.test(path)), []);
    assert.ok(loaded.size <= most, `it loads ${loaded.size}: ${[...loaded].join(" ")}`);
  });
}

/** What a plain server does without: a file or a folder of src/. */
const NOT_FOR_PLAIN_SERVERS = new RegExp(
  "^src/(" + [
    "bench|chaos|client|conformance|hooks|lab|migration|operate|redis|trace",
    "admin/(?!readiness)|tls/(?!alpn)|app/(certificate|counting|keys|workers/(?!count))",
    "store/(redis|shared|sqlite)|keys/(redis|sqlite)|storage/(compaction|index_check|verify)",
    "cli/share/(?!args)|terminal/progress",
  ].join("|") + ")",
);

Deno.test("src/cli/serve.ts loads what a server in memory needs, and the rest only where it is wanted", async () => {
  const loaded = await loadedWith("main.ts", "src/cli/serve.ts", "src/store/memory.ts");
  assert.ok(loaded.has("src/server/serve.ts"));
  assert.deepEqual([...loaded].filter((path) => NOT_FOR_PLAIN_SERVERS.test(path)), []);
  const sources = [...loaded].filter((path) => path.endsWith(".ts"));
  assert.ok(sources.length <= 204, `it loads ${sources.length}: ${sources.join(" ")}`);
  // V8 keeps the text of each, for as long as the server runs.
  const sizes = sources.map((path) => Deno.statSync(new URL(path, ROOT)).size);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(bytes <= 1_076_000, `it loads ${bytes} bytes`);
});
