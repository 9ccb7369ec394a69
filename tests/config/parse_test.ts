import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import {
  type ConfigFault,
  DEFAULT_CONFIG,
  formatFault,
  isSection,
  parseConfig,
  SCHEMA,
  type Section,
  SETTINGS,
} from "../../src/config/mod.ts";

const pure = { permissions: "none" } as const;

function faultsOf(input: unknown): readonly ConfigFault[] {
  try {
    parseConfig(input);
  } catch (error) {
    assert(error instanceof FxferError, String(error));
    assert.equal(error.code, "config_invalid");
    assert.equal(error.exit, 1);
    return error.fields.faults as ConfigFault[];
  }
  return [];
}

const linesOf = (input: unknown): string[] => faultsOf(input).map(formatFault);

/** `{a: {b: value}}` for the path `a.b`. */
function at(path: string, value: unknown): unknown {
  return path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

Deno.test("parseConfig() gives every default the goal names", pure, () => {
  assert.deepEqual(JSON.parse(JSON.stringify(parseConfig({}))), {
    server: {
      host: "127.0.0.1",
      port: 65432,
      mode: "dual",
      workers: 1,
      max_connections: 100,
      drain_timeout: 10,
      handshake_timeout: 10,
      header_timeout: 10,
      proxy_protocol: "off",
      proxy_allow: [],
      degrade_above: { sessions: 0, event_loop_delay_ms: 0 },
      health_port: "off",
    },
    stateful: {
      session_timeout: 300,
      max_sessions: 50,
      persistence: "memory",
      keepalive: 30,
      max_inflight: 16,
      max_upload_size: 0,
      redis_url: "redis://127.0.0.1:6379",
      sqlite_file: "sessions.db",
    },
    stateless: { request_timeout: 30, max_request_size: 10485760 },
    storage: { path: "./storage", naming: "session_aware", durability: "process", budget: 0 },
    limits: {
      rate: { connections_per_second: 200, sessions_per_minute: 600 },
      per_address: { connections: "off", sessions: "off" },
      min_rate: 1024,
      session_quota: 0,
    },
    security: { ip_binding: "strict" },
    versions: { v1: "on", v1_ack: "eof" },
    logging: { level: "info", format: "text" },
  });
});

Deno.test(
  "parseConfig() takes nothing, an empty file and empty sections for the defaults",
  pure,
  () => {
    for (const input of [undefined, null, {}, { server: null, limits: { rate: null } }]) {
      assert.deepEqual(parseConfig(input), DEFAULT_CONFIG);
    }
  },
);

Deno.test("parseConfig() returns frozen data that cannot spoil the defaults", pure, () => {
  const config = parseConfig({});
  assert(Object.isFrozen(config) && Object.isFrozen(config.server));
  assert(Object.isFrozen(config.limits.rate));
});

Deno.test("every default is a value its own kind accepts, as itself and as text", pure, () => {
  for (const [path, setting] of SETTINGS) {
    assert.deepEqual(setting.kind.read(setting.default), setting.default, path);
    assert.deepEqual(setting.kind.read(String(setting.default)), setting.default, path);
  }
});

Deno.test(
  "every setting refuses a wrong type and names its path, the wanted and the found",
  pure,
  () => {
    for (const [path, setting] of SETTINGS) {
      const wrong: readonly (readonly [unknown, string])[] = [
        [[1], "a list"],
        [{ a: 1 }, "a mapping"],
        [null, "nothing"],
        // A list may be empty, also as text.
        ...(Array.isArray(setting.default) ? [] : [["", "empty text"] as const]),
        [-1, "number -1"],
        [NaN, "number NaN"],
        [Infinity, "number Infinity"],
      ];
      for (const [value, found] of wrong) {
        const [fault, ...more] = faultsOf(at(path, value));
        assert.equal(more.length, 0, path);
        assert.equal(fault?.path, path);
        const shown = setting.kind.secret && value === "" ? "other text" : found;
        assert.equal(fault?.message, `wanted ${setting.kind.wanted}, found ${shown}`);
      }
    }
  },
);

Deno.test(
  "whole numbers keep to their range and are never fractions, exponents or signs",
  pure,
  () => {
    for (const good of [0, 65535, "0", "443"]) {
      assert.deepEqual(
        linesOf(at("server.port", good)),
        [],
      );
    }
    for (const bad of [65536, 1.5, "1.0", "1e3", "+1", "-0", " 1", "0x10", true, "99999"]) {
      assert.match(
        linesOf(at("server.port", bad))[0] ?? "",
        /^server\.port: wanted whole number 0 to 65535, found /,
        String(bad),
      );
    }
    assert.deepEqual(linesOf(at("stateful.max_inflight", 1024)), []);
    assert.equal(linesOf(at("stateful.max_inflight", 0)).length, 1);
    assert.equal(linesOf(at("stateful.max_inflight", 1025)).length, 1);
  },
);

Deno.test("durations are seconds, with fractions and units", pure, () => {
  const cases: readonly (readonly [unknown, number])[] = [
    [0.25, 0.25],
    ["0.25", 0.25],
    ["500ms", 0.5],
    ["30s", 30],
    ["5m", 300],
    ["1 h", 3600],
    ["2D", 172800],
  ];
  for (const [raw, value] of cases) {
    assert.equal(parseConfig(at("stateful.session_timeout", raw)).stateful.session_timeout, value);
  }
  for (const bad of [0, -1, "5 weeks", "m", "1.m", "1e3", "30d", true]) {
    assert.equal(linesOf(at("stateful.session_timeout", bad)).length, 1, String(bad));
  }
  assert.equal(parseConfig(at("server.drain_timeout", 0)).server.drain_timeout, 0);
});

Deno.test("sizes are bytes, with binary and decimal units, and come to whole bytes", pure, () => {
  const cases: readonly (readonly [unknown, number])[] = [
    [10485760, 10485760],
    ["10485760", 10485760],
    ["10MiB", 10485760],
    ["10MB", 10_000_000],
    ["64k", 65536],
    ["64 kB", 64000],
    ["1.5g", 1610612736],
    ["1T", 2 ** 40],
    ["7b", 7],
  ];
  for (const [raw, value] of cases) {
    assert.equal(parseConfig(at("storage.budget", raw)).storage.budget, value, String(raw));
  }
  for (const bad of ["10 XB", "k", "1.0001k", "9000000T", 1.5, 2 ** 53, -1, "-1"]) {
    assert.equal(linesOf(at("storage.budget", bad)).length, 1, String(bad));
  }
});

Deno.test("lists are lists, or text with commas, and every item counts", pure, () => {
  const cases: readonly (readonly [unknown, readonly string[]])[] = [
    [[], []],
    ["", []],
    [["127.0.0.1", "::1"], ["127.0.0.1", "::1"]],
    ["10.0.0.0/8, 2001:db8::/32,", ["10.0.0.0/8", "2001:db8::/32"]],
    ["192.0.2.1", ["192.0.2.1"]],
  ];
  for (const [raw, value] of cases) {
    const { proxy_allow } = parseConfig(at("server.proxy_allow", raw)).server;
    assert.deepEqual(proxy_allow, value);
    assert(Object.isFrozen(proxy_allow));
  }
  for (const bad of [["10.0.0.0/33"], ["::1", 7], ["::1", null], "proxy.example", 7, [["::1"]]]) {
    assert.match(
      linesOf(at("server.proxy_allow", bad))[0] ?? "",
      /^server\.proxy_allow: wanted a list of IP addresses or networks such as 10\.0\.0\.0\/8, /,
      String(bad),
    );
  }
});

Deno.test("off stands for none where a number is wanted otherwise", pure, () => {
  for (const off of ["off", false, "false"]) {
    assert.equal(parseConfig(at("server.health_port", off)).server.health_port, "off");
  }
  assert.equal(parseConfig(at("server.health_port", "8080")).server.health_port, 8080);
  assert.deepEqual(linesOf(at("server.health_port", 70000)), [
    "server.health_port: wanted off or whole number 0 to 65535, found number 70000",
  ]);
  assert.equal(linesOf(at("server.health_port", true)).length, 1);
});

Deno.test(
  "on and off are also true and false, only where they are words of the setting",
  pure,
  () => {
    assert.equal(parseConfig(at("versions.v1", false)).versions.v1, "off");
    assert.equal(parseConfig(at("versions.v1", true)).versions.v1, "on");
    assert.equal(parseConfig(at("versions.v1", "false")).versions.v1, "off");
    assert.equal(parseConfig(at("security.ip_binding", false)).security.ip_binding, "off");
    assert.deepEqual(linesOf(at("security.ip_binding", true)), [
      "security.ip_binding: wanted one of strict, prefix, off, found true",
    ]);
    assert.deepEqual(linesOf(at("versions.v1_ack", false)), [
      "versions.v1_ack: wanted one of eof, each, never, found false",
    ]);
  },
);

Deno.test(
  "limits.rate is off, on with its defaults, or a mapping with some of its keys",
  pure,
  () => {
    for (const off of ["off", false, "false"]) {
      assert.equal(parseConfig(at("limits.rate", off)).limits.rate, "off");
    }
    for (const on of ["on", true, {}]) {
      assert.deepEqual(parseConfig(at("limits.rate", on)).limits.rate, DEFAULT_CONFIG.limits.rate);
    }
    assert.deepEqual(parseConfig(at("limits.rate.sessions_per_minute", 5)).limits.rate, {
      connections_per_second: 200,
      sessions_per_minute: 5,
    });
    assert.deepEqual(linesOf(at("limits.rate", 7)), [
      "limits.rate: wanted off or a mapping, found number 7",
    ]);
    assert.deepEqual(linesOf(at("server", false)), ["server: wanted a mapping, found false"]);
  },
);

Deno.test("texts are checked: host, file name, folder, Redis URL", pure, () => {
  for (const host of ["0.0.0.0", "::", "fe80::1%eth0", "files.example.org"]) {
    assert.deepEqual(linesOf(at("server.host", host)), []);
  }
  for (const host of ["a b", "a/b", "http://x", "x\n"]) {
    assert.equal(linesOf(at("server.host", host)).length, 1, host);
  }
  for (const name of ["../x.db", "a/b", ".hidden", "a\\b", "C:x", "x\0"]) {
    assert.equal(linesOf(at("stateful.sqlite_file", name)).length, 1, name);
  }
  for (const path of [" ", "a\0b"]) assert.equal(linesOf(at("storage.path", path)).length, 1);
  assert.deepEqual(linesOf(at("stateful.redis_url", "rediss://u:p@h:1/2")), []);
});

Deno.test("a fault never shows the text of a secret setting", pure, () => {
  const [line] = linesOf(at("stateful.redis_url", "http://me:hunter2@h"));
  assert.equal(
    line,
    "stateful.redis_url: wanted a redis, redis+cluster or redis+sentinel URL, or one of these with rediss, found other text",
  );
});

Deno.test("an unknown key gets a did-you-mean: near, elsewhere, or none", pure, () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [{ server: { prot: 1 } }, "server.prot: unknown key, did you mean server.port?"],
    [
      { server: { "max-connections": 1 } },
      "server.max-connections: unknown key, did you mean server.max_connections?",
    ],
    [{ sevrer: {} }, "sevrer: unknown key, did you mean server?"],
    [{ port: 1 }, "port: unknown key, did you mean server.port?"],
    [
      { server: { max_sessions: 1 } },
      "server.max_sessions: unknown key, did you mean stateful.max_sessions?",
    ],
    [{ versions: { v2: "on" } }, "versions.v2: unknown key, did you mean versions.v1?"],
    [{ limits: { rate: { per_second: 1 } } }, "limits.rate.per_second: unknown key"],
    [{ zebra: 1 }, "zebra: unknown key"],
  ];
  for (const [input, line] of cases) assert.deepEqual(linesOf(input), [line]);
});

Deno.test("each setting's name with one letter missing is recognised", pure, () => {
  for (const path of SETTINGS.keys()) {
    const key = path.slice(path.lastIndexOf(".") + 1);
    if (key.length < 3) continue;
    const typo = path.slice(0, -key.length) + key[0] + key.slice(2);
    assert.deepEqual(linesOf(at(typo, 1)), [`${typo}: unknown key, did you mean ${path}?`]);
  }
});

Deno.test("every fault is reported at once, in the order of the schema", pure, () => {
  const faults = faultsOf({
    server: { port: 70000, mode: "both", hots: "x" },
    stateful: 5,
    storage: { durability: "DATA", budget: "lots" },
    extra: true,
  });
  assert.deepEqual(faults.map((fault) => fault.path), [
    "extra",
    "server.hots",
    "server.port",
    "server.mode",
    "stateful",
    "storage.durability",
    "storage.budget",
  ]);
  // And with a fault in every setting there is, each one.
  const all: Record<string, unknown> = {};
  const spoil = (section: Section, into: Record<string, unknown>) => {
    for (const [key, entry] of Object.entries(section.settings)) {
      if (isSection(entry)) spoil(entry, into[key] = {});
      else into[key] = [[]];
    }
  };
  spoil(SCHEMA, all);
  assert.deepEqual(faultsOf(all).map((fault) => fault.path), [...SETTINGS.keys()]);
});

Deno.test("the whole must be a mapping", pure, () => {
  assert.deepEqual(linesOf(7), ["wanted a mapping, found number 7"]);
  assert.deepEqual(linesOf([]), ["wanted a mapping, found a list"]);
  assert.deepEqual(linesOf("x"), ['wanted a mapping, found "x"']);
});

Deno.test("keys and values in faults are escaped and short", pure, () => {
  const [key] = linesOf({ ["a\u001b[31m\u202e" + "k".repeat(500)]: 1 });
  assert.match(key!, /^a\\u001b\[31m\\u202ek+…: unknown key$/);
  assert(key!.length < 120);
  const [value] = linesOf(at("server.mode", "x\r\n" + "y".repeat(1_000_000)));
  assert.match(value!, /found "x\\r\\ny+…"$/);
  assert(value!.length < 120);
});

Deno.test("__proto__, constructor and toString are unknown keys like others", pure, () => {
  assert.deepEqual(linesOf(JSON.parse('{"__proto__":{"server":1}}')), ["__proto__: unknown key"]);
  assert.deepEqual(linesOf({ server: { constructor: 1 } }), ["server.constructor: unknown key"]);
  assert.deepEqual(linesOf({ toString: 1 }), ["toString: unknown key"]);
  assert.equal(({} as Record<string, unknown>).server, undefined);
});

Deno.test("the error's text holds the first fault and how many more there are", pure, () => {
  assert.throws(
    () => parseConfig({ server: { port: -1 }, a: 1, b: 1 }),
    { message: "Cannot use configuration: a: unknown key (and 2 more)" },
  );
});
