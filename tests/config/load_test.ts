import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import {
  type ConfigFault,
  DEFAULT_CONFIG,
  formatFault,
  isSection,
  loadConfig,
  type LoadOptions,
  SCHEMA,
  type Section,
  SETTINGS,
} from "../../src/config/mod.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENTED = new URL("config.yaml", ROOT);

interface TempFile extends AsyncDisposable {
  readonly path: string;
}

async function yaml(text: string): Promise<TempFile> {
  const dir = await Deno.makeTempDir({ prefix: "fxfer_config_" });
  const path = `${dir}/test.yaml`;
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

async function linesOf(options: LoadOptions): Promise<string[]> {
  const error = await loadConfig(options).then(() => undefined, (error) => error);
  if (error === undefined) return [];
  assert(error instanceof FxferError, String(error));
  assert.equal(error.code, "config_invalid", error.message);
  return (error.fields.faults as ConfigFault[]).map(formatFault);
}

const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

function valueAt(config: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (inner, key) => (inner as Record<string, unknown>)[key],
    config,
  );
}

Deno.test("config.yaml is the defaults, each key in it and each with a comment", async () => {
  const path = Deno.build.os === "windows" ? DOCUMENTED.pathname.slice(1) : DOCUMENTED.pathname;
  const { config, origins } = await loadConfig({ file: path, explicit: true });
  assert.deepEqual(plain(config), plain(DEFAULT_CONFIG));
  assert.deepEqual([...origins.keys()], [...SETTINGS.keys()]);
  for (const [setting, origin] of origins) assert.equal(origin, "file", setting);

  const lines = (await Deno.readTextFile(DOCUMENTED)).split("\n");
  let next = 0;
  const walk = (section: Section, indent: string) => {
    for (const [key, entry] of Object.entries(section.settings)) {
      next = lines.findIndex((line, index) => index >= next && line.startsWith(`${indent}${key}:`));
      assert(next > 0, `${key} stands in config.yaml, in the order of the schema`);
      assert.match(lines[next - 1]!, new RegExp(`^${indent}# `), `${key} has a comment`);
      if (isSection(entry)) walk(entry, `${indent}  `);
    }
  };
  walk(SCHEMA, "");
});

Deno.test("loadConfig() without a file gives the defaults and says so of each", async () => {
  const { config, file, origins, notes } = await loadConfig({ file: "no_such_file.yaml" });
  assert.deepEqual(config, DEFAULT_CONFIG);
  assert.equal(file, undefined);
  assert.deepEqual(notes, []);
  assert.deepEqual([...origins.keys()], [...SETTINGS.keys()]);
  assert(origins.values().every((origin) => origin === "default"));
});

Deno.test("precedence is defaults < file < flags < --set, and origins tell which won", async () => {
  await using file = await yaml(
    "server: {port: 1, host: a, max_connections: 7}\nlogging: {level: warn}\n",
  );
  const { config, origins, file: read } = await loadConfig({
    file: file.path,
    flags: [
      { flag: "--port", path: "server.port", value: "1" },
      { flag: "--port", path: "server.port", value: "2" },
      { flag: "--host", path: "server.host", value: "b" },
    ],
    sets: ["server.port=3", "server.port=4"],
  });
  assert.equal(read, file.path);
  assert.deepEqual(plain(config), {
    ...plain(DEFAULT_CONFIG),
    server: { ...DEFAULT_CONFIG.server, port: 4, host: "b", max_connections: 7 },
    logging: { ...DEFAULT_CONFIG.logging, level: "warn" },
  });
  const expected: Record<string, string> = {
    "server.port": "flag",
    "server.host": "flag",
    "server.max_connections": "file",
    "logging.level": "file",
  };
  for (const [path, origin] of origins) assert.equal(origin, expected[path] ?? "default", path);
});

Deno.test("--set reaches every setting of the schema", async () => {
  const other: Record<string, [string, unknown]> = {
    "server.host": ["::1", "::1"],
    "server.proxy_allow": ["::1, 10.0.0.0/8", ["::1", "10.0.0.0/8"]],
    "security.anonymous": ["put, get", ["put", "get"]],
    "security.keys": ["my.keys", "my.keys"],
    "server.health_port": ["8080", 8080],
    "hooks.url": ["https://h/x", "https://h/x"],
    "hooks.secret_file": ["/run/s", "/run/s"],
    "hooks.accept": ["https://h/y", "https://h/y"],
    "hooks.accept_default": ["accept", "accept"],
    "admin.host": ["::1", "::1"],
    "admin.port": ["8081", 8081],
    "admin.token_file": ["/run/token", "/run/token"],
    "admin.move_key_file": ["/run/key", "/run/key"],
    "admin.names": ["files.example.org", ["files.example.org"]],
    "server.tls.certificate": ["-", "-"],
    "server.tls.key": ["key.pem", "key.pem"],
    "server.tls.names": ["h,::1", ["h", "::1"]],
    "limits.per_address.connections": ["5", 5],
    "limits.per_address.sessions": ["6", 6],
    "stateful.redis_url": ["rediss://h:1", "rediss://h:1"],
    "stateful.sqlite_file": ["other.db", "other.db"],
    "storage.path": ["/srv/a=b", "/srv/a=b"],
    "storage.state": ["/srv/state", "/srv/state"],
    "stateful.partial_timeout": ["1h", 3600],
    "storage.keep": ["30d", 2_592_000],
  };
  for (const [path, setting] of SETTINGS) {
    const words = /^(?:one of )?(.*)$/.exec(setting.kind.wanted)![1]!.split(/, | or /);
    const [text, value] = other[path] ??
      (typeof setting.default === "number"
        ? [String(setting.default + 1), setting.default + 1]
        : [words.find((word) => word !== setting.default)!, undefined]);
    const { config, origins } = await loadConfig({
      file: "no_such_file.yaml",
      sets: [`${path}=${text}`],
    });
    assert.deepEqual(valueAt(config, path), value ?? text, path);
    assert.notEqual(valueAt(config, path), setting.default, path);
    for (const [at, origin] of origins) assert.equal(origin, at === path ? "flag" : "default", at);
  }
});

Deno.test("limits.rate can be switched over and merged by --set, in order", async () => {
  await using off = await yaml("limits: {rate: off}\n");
  await using on = await yaml("limits:\n  rate: {connections_per_second: 9}\n");
  const rate = async (file: string, ...sets: string[]) => {
    const loaded = await loadConfig({ file, sets });
    const origins = [...loaded.origins].filter(([path]) => path.startsWith("limits.rate"))
      .map(([path, origin]) => `${path.slice("limits.".length)} ${origin}`);
    return [plain(loaded.config.limits.rate), ...origins];
  };
  const mapping = (connections_per_second: number, sessions_per_minute: number) => ({
    connections_per_second,
    sessions_per_minute,
  });
  const [connections, sessions] = ["rate.connections_per_second", "rate.sessions_per_minute"];
  assert.deepEqual(await rate(off.path), ["off", "rate file"]);
  assert.deepEqual(await rate(on.path, "limits.rate=off"), ["off", "rate flag"]);
  assert.deepEqual(await rate(on.path, "limits.rate=on"), [
    mapping(9, 600),
    `${connections} file`,
    `${sessions} default`,
  ]);
  assert.deepEqual(await rate(on.path, "limits.rate.sessions_per_minute=5"), [
    mapping(9, 5),
    `${connections} file`,
    `${sessions} flag`,
  ]);
  assert.deepEqual(
    await rate(on.path, "limits.rate=off", "limits.rate.sessions_per_minute=5"),
    [mapping(200, 5), `${connections} default`, `${sessions} flag`],
  );
  assert.deepEqual(await rate(off.path, "limits.rate=on"), [
    mapping(200, 600),
    `${connections} default`,
    `${sessions} default`,
  ]);
});

Deno.test("faults of file, flags and --set come together, each with its source", async () => {
  await using file = await yaml("server: {port: x}\nstorage: {pth: y}\n");
  assert.deepEqual(
    await linesOf({
      file: file.path,
      flags: [{ flag: "--mode", path: "server.mode", value: "both" }],
      sets: ["server.port=1", "stateful.max_session=3", "port", "=5", "server=3", "max_inflight=2"],
    }),
    [
      `${file.path}: server.port: wanted off or whole number 0 to 65535, found "x"`,
      `${file.path}: storage.pth: unknown key, did you mean storage.path?`,
      "--set: port: wanted path=value, for example server.port=0",
      "--set: =5: wanted path=value, for example server.port=0",
      '--mode: server.mode: wanted one of stateless, stateful, dual, found "both"',
      "--set: stateful.max_session: unknown key, did you mean stateful.max_sessions?",
      '--set: server: wanted a mapping, found "3"',
      "--set: max_inflight: unknown key, did you mean stateful.max_inflight?",
    ],
  );
});

Deno.test("--set cannot reach a prototype", async () => {
  assert.deepEqual(await linesOf({ sets: ["__proto__.polluted=1", "constructor.prototype.x=1"] }), [
    "--set: __proto__: unknown key",
    "--set: constructor: unknown key",
  ]);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("YAML faults come with line and column", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["server:\n  port: 1\n port: 2\n", /^at line 3, column \d+: /],
    ["server: {port: 1\nlogging: x\n", /^at line \d, column \d+: /],
    ["server:\n\tport: 1\n", /^at line 2, column 1: /],
    ["server: {}\nserver: {}\n", /^at line 2, column 1: duplicated mapping key$/],
    ["a: !!js/function 'x'\n", /^at line 1, column \d+: unknown tag/],
    ["a: 1\n---\nb: 2\n", /^: expected a single document/],
    ["a: *nowhere\n", /^at line 1, column \d+: /],
  ];
  for (const [text, wanted] of cases) {
    await using file = await yaml(text);
    const lines = await linesOf({ file: file.path });
    assert.equal(lines.length, 1, text);
    const prefix = `${file.path}: not valid YAML`;
    assert.equal(lines[0]!.slice(0, prefix.length), prefix);
    assert.match(lines[0]!.slice(prefix.length).trimStart(), wanted);
  }
});

Deno.test("an empty file, one of comments only, and one with a BOM are valid", async () => {
  for (const text of ["", "# nothing\n", "---\n", "\ufeffserver: {port: 65432}\n"]) {
    await using file = await yaml(text);
    const loaded = await loadConfig({ file: file.path, explicit: true });
    assert.deepEqual(plain(loaded.config), plain(DEFAULT_CONFIG));
    assert.equal(loaded.file, file.path);
  }
});

Deno.test("a file the user named must be there and be a file", async () => {
  await assert.rejects(loadConfig({ file: "no_such_file.yaml", explicit: true }), {
    code: "local_io",
    exit: 8,
    message: "Cannot read configuration file no_such_file.yaml: there is no such file",
  });
  await assert.rejects(loadConfig({ file: ".", explicit: true }), {
    code: "local_io",
    message: /^Cannot read configuration file \.: ./,
  });
  if (Deno.build.os === "windows") return; // it says only that access is denied
  await assert.rejects(loadConfig({ file: ".", explicit: true }), { message: /: it is a folder$/ });
});

Deno.test("without permission the file is left alone with a note", {
  permissions: "none",
}, async () => {
  const { config, notes, file } = await loadConfig({});
  assert.deepEqual(config, DEFAULT_CONFIG);
  assert.equal(file, undefined);
  assert.deepEqual(notes, [
    "config.yaml was not looked at, reading it is not permitted (--allow-read=config.yaml): " +
    "the defaults are used",
  ]);
});

Deno.test("without permission a file the user named is an error", {
  permissions: "none",
}, async () => {
  await assert.rejects(loadConfig({ file: "config.yaml", explicit: true }), {
    code: "local_io",
    message: "Cannot read configuration file config.yaml: reading it is not permitted " +
      "(--allow-read=config.yaml)",
  });
});

Deno.test("reading the file needs the permission to read it and no other", {
  permissions: { read: [DOCUMENTED] },
}, async () => {
  const path = Deno.build.os === "windows" ? DOCUMENTED.pathname.slice(1) : DOCUMENTED.pathname;
  const { config } = await loadConfig({ file: path, explicit: true });
  assert.deepEqual(plain(config), plain(DEFAULT_CONFIG));
});
