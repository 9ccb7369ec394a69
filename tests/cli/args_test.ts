import assert from "node:assert/strict";
import { type CommandSpec, parseCommandArgs, type ParsedArgs } from "../../src/cli/args.ts";
import { readSendArgs, SEND } from "../../src/cli/send/args.ts";
import { withServerOperand } from "../../src/cli/server_args.ts";
import { SERVE, serveLoadOptions } from "../../src/cli/serve.ts";
import { loadConfig, SETTINGS } from "../../src/config/mod.ts";
import { FxferError } from "../../src/errors.ts";

const pure = { permissions: "none" } as const;

const TRY: CommandSpec = {
  name: "try",
  summary: "Try things",
  operands: { name: "FILE", min: 1, max: 2 },
  options: {
    port: { value: "PORT", short: "p", help: "", setting: "server.port" },
    set: { value: "K=V", multiple: true, help: "" },
    json: { help: "" },
    quiet: { short: "q", help: "" },
  },
};

function parse(args: string[], spec = TRY): ParsedArgs {
  const parsed = parseCommandArgs(spec, args);
  assert(parsed !== "help");
  return parsed;
}

function faultsOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    assert(error instanceof FxferError, String(error));
    assert.equal(error.code, "usage");
    assert.equal(error.exit, 1);
    return error.fields.faults;
  }
  return [];
}

Deno.test("parseCommandArgs() reads flags, values and operands in any order", pure, () => {
  const args = parse(["a", "--port", "1", "-q", "--set", "x=1", "--set=y=2", "b"]);
  assert.deepEqual(args.operands, ["a", "b"]);
  assert.equal(args.text("port"), "1");
  assert.deepEqual(args.list("set"), ["x=1", "y=2"]);
  assert.equal(args.has("quiet"), true);
  assert.equal(args.has("json"), false);
  assert.equal(args.text("set"), "y=2");
  assert.deepEqual(args.configFlags(), [{ flag: "--port", path: "server.port", value: "1" }]);
});

Deno.test(
  "parseCommandArgs() takes grouped letters, - as an operand, and all after -- as operands",
  pure,
  () => {
    const args = parse(["-qp", "3", "-", "--", "--json"]);
    assert.deepEqual(args.operands, ["-", "--json"]);
    assert.equal(args.text("port"), "3");
    assert.equal(args.has("quiet"), true);
    assert.equal(args.has("json"), false);
  },
);

Deno.test("the last of several values wins; a value may start with a dash after =", pure, () => {
  assert.equal(parse(["a", "-p", "1", "--port=-2"]).text("port"), "-2");
});

Deno.test("every fault is reported at once, with a did-you-mean for flags", pure, () => {
  assert.deepEqual(
    faultsOf(() => parse(["--prot", "1", "--json=yes", "--port", "--quiet", "-z", "x", "y"])),
    [
      "Unknown flag --prot, did you mean --port?",
      "--json takes no value",
      "--port needs a value: --port=PORT",
      "Unknown flag -z",
      "Unexpected argument y",
    ],
  );
  assert.deepEqual(faultsOf(() => parse([])), ["FILE is missing"]);
  assert.deepEqual(faultsOf(() => parse(["a", "--port"])), ["--port needs a value: --port=PORT"]);
  assert.deepEqual(faultsOf(() => parse(["a", "--constructor", "--__proto__"])), [
    "Unknown flag --constructor",
    "Unknown flag --__proto__",
  ]);
});

Deno.test("a first operand that must be one of some words is checked with the rest", pure, () => {
  const operands = { name: "up|down|both", min: 1, max: 2, words: ["up", "down", "both"] };
  const spec: CommandSpec = { ...TRY, operands };
  assert.deepEqual(parse(["down", "x"], spec).operands, ["down", "x"]);
  assert.deepEqual(faultsOf(() => parse(["si\u001bde", "--json=1"], spec)), [
    "--json takes no value",
    'wanted up, down or both, found "si\\u001bde"',
  ]);
  assert.deepEqual(faultsOf(() => parse([], spec)), ["up|down|both is missing"]);
});

Deno.test("what a user typed is escaped and cut in faults", pure, () => {
  assert.deepEqual(faultsOf(() => parse(["a", "--\u001b[31m" + "x".repeat(99)])), [
    "Unknown flag --\\u001b[31m" + "x".repeat(27) + "…",
  ]);
});

Deno.test("--help anywhere wins over faults, but not behind -- or as a value", pure, () => {
  assert.equal(parseCommandArgs(TRY, ["--bogus", "--help"]), "help");
  assert.equal(parseCommandArgs(TRY, ["-h"]), "help");
  assert.deepEqual(parse(["--", "--help"]).operands, ["--help"]);
  assert.equal(parse(["a", "--set=--help"]).text("set"), "--help");
});

Deno.test("asking for a flag that is not in the table is a RangeError", pure, () => {
  assert.throws(() => parse(["a"]).has("jsno"), RangeError);
});

Deno.test("every flag of serve and send that stands for a setting names a real one", pure, () => {
  for (const { name, options } of [SERVE, SEND]) {
    for (const [flag, { setting, value }] of Object.entries(options)) {
      if (setting === undefined) continue;
      assert(SETTINGS.has(setting), `${name} --${flag}`);
      assert.notEqual(value, undefined, `${name} --${flag}`);
    }
  }
});

Deno.test("the flags of serve become a configuration", async () => {
  const args = parse([
    ...["--config", "no_such.yaml", "--host", "::1", "-p", "0", "--mode", "stateful"],
    ...["--storage", "/srv/in", "--persistence", "redis", "--redis-url", "redis://r:1"],
    ...["--set", "stateful.max_sessions=7", "--log-format", "json", "--quiet"],
  ], SERVE);
  const options = serveLoadOptions(args);
  assert.equal(options.file, "no_such.yaml");
  assert.equal(options.explicit, true);
  const { config, origins } = await loadConfig({ ...options, explicit: false });
  assert.deepEqual(
    [...origins].filter(([, origin]) => origin === "flag").map(([path]) => path).sort(),
    [
      "logging.format",
      "logging.level",
      "server.host",
      "server.mode",
      "server.port",
      "stateful.max_sessions",
      "stateful.persistence",
      "stateful.redis_url",
      "storage.path",
    ],
  );
  assert.equal(config.server.port, 0);
  assert.equal(config.storage.path, "/srv/in");
  assert.deepEqual({ ...config.logging }, { level: "warn", format: "json", addresses: "full" });
  assert.equal(config.stateful.max_sessions, 7);
  assert.equal(serveLoadOptions(parse([], SERVE)).explicit, undefined);
});

Deno.test("readSendArgs() fills in the defaults", pure, () => {
  assert.deepEqual(readSendArgs(parse(["a.txt"], SEND)), {
    files: ["a.txt"],
    host: "127.0.0.1",
    hostAsked: false,
    port: 65432,
    portInHost: false,
    tls: false,
    ca: [],
    mode: "auto",
    mac: false,
    allowV1: false,
    retries: 8,
    trust: [],
    recursive: false,
    exclude: [],
    excludeFrom: [],
    followLinks: false,
    skipSpecial: false,
    dryRun: false,
    ifNew: false,
    noRename: false,
    state: ".fxfer",
    stateAsked: false,
    trace: false,
    json: false,
    quiet: false,
  });
  assert.deepEqual(
    readSendArgs(parse([
      ...[
        "--host",
        "h",
        "--port=9",
        "--mode",
        "stateless",
        "--name",
        "n",
        "--type",
        "image/svg+xml",
      ],
      ...["--allow-v1", "--retries", "0", "--json", "-q", "-"],
      ...["--trust", "b:1", "--trust=[::1]:2"],
    ], SEND)),
    {
      files: ["-"],
      host: "h",
      hostAsked: true,
      port: 9,
      portInHost: false,
      portFlag: 9,
      tls: false,
      ca: [],
      mode: "stateless",
      name: "n",
      type: "image/svg+xml",
      mac: false,
      allowV1: true,
      retries: 0,
      trust: ["b:1", "[::1]:2"],
      recursive: false,
      exclude: [],
      excludeFrom: [],
      followLinks: false,
      skipSpecial: false,
      dryRun: false,
      ifNew: false,
      noRename: false,
      state: ".fxfer",
      stateAsked: false,
      trace: false,
      json: true,
      quiet: true,
    },
  );
});

Deno.test("readSendArgs() reports every fault at once", pure, () => {
  const bad = parse(
    [
      ...["--host", "a b", "--port", "65536", "--mode", "both", "--retries", "-1", "--type", "png"],
      ...["--name", "n", "-", "-", ""],
    ].map((arg) => arg === "-1" ? "1.5" : arg),
    SEND,
  );
  assert.deepEqual(faultsOf(() => readSendArgs(bad)), [
    '--host: wanted an IP address or a host name, found "a b"',
    '--port: wanted a port, 1 to 65535, found "65536"',
    '--retries: wanted whole number 0 to 9999, found "1.5"',
    '--mode: wanted auto, stateful, stateless or v1, found "both"',
    "--name names one file, and there are several",
    '--type: wanted a media type such as image/png, found "png"',
    "- is standard input and can be sent once",
    "FILE is empty",
  ]);
  assert.deepEqual(faultsOf(() => readSendArgs(parse(["--port=0", "a"], SEND))), [
    '--port: wanted a port, 1 to 65535, found "0"',
  ]);
});

Deno.test("the server stands in --host or before the files, as people write it", pure, async () => {
  const serverOf = async (...args: string[]) => {
    const asked = readSendArgs(parse(args, SEND));
    const { host, port, files } = await withServerOperand(
      asked,
      {
        ...{ command: "send", operand: "FILE", least: 1 },
        isOther: (path) => Promise.resolve(path === "10:30"),
      },
    );
    return [host, port, files.join()];
  };
  const cases: readonly (readonly [string, string, number])[] = [
    ["h", "h", 65432],
    ["h:1", "h", 1],
    ["10.0.0.1:5000", "10.0.0.1", 5000],
    ["::1", "::1", 65432],
    ["[::1]", "::1", 65432],
    ["[::1]:2", "::1", 2],
    ["fxfer://h", "h", 65432],
    ["FXFER://h:3/", "h", 3],
    ["fxfer://[fe80::1]:4", "fe80::1", 4],
  ];
  for (const [text, host, port] of cases) {
    assert.deepEqual(await serverOf("--host", text, "a"), [host, port, "a"], text);
    // A name alone may also be that of a file.
    const expected = text === "h" ? ["127.0.0.1", 65432, "h,a,b"] : [host, port, "a,b"];
    assert.deepEqual(await serverOf(text, "a", "b"), expected, text);
  }
  assert.deepEqual(await serverOf("10:30", "a"), ["127.0.0.1", 65432, "10:30,a"]);
  assert.deepEqual(await serverOf("h:1"), ["127.0.0.1", 65432, "h:1"]);
  assert.deepEqual(await serverOf("-p", "7", "fxfer://h", "a"), ["h", 7, "a"]);
  const wrong = [["fxfer://h"], ["fxfer://", "a"], ["fxfer://h/path", "a"], [
    "--host=h",
    "i:1",
    "a",
  ]];
  for (const args of wrong) await assert.rejects(serverOf(...args), FxferError, args.join());
});

Deno.test("--name is for one file, and no longer than the wire takes", pure, () => {
  const faults = (...args: string[]) => faultsOf(() => readSendArgs(parse(args, SEND)));
  const several = "--name names one file, and there are several";
  assert.deepEqual(faults("--name", "n", "a", "b"), [several]);
  assert.deepEqual(faults("--name", "n", "-r", "a"), [several]);
  assert.deepEqual(faults("--name", "ü".repeat(127), "a"), []);
  assert.equal((faults("--name", "ü".repeat(128), "a") as string[]).length, 1);
});
