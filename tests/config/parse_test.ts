import assert from "node:assert/strict";
import {
  DEFAULT_CONFIG,
  isSection,
  parseConfig,
  SCHEMA,
  type Section,
  SETTINGS,
} from "../../src/config/mod.ts";
import { at, faultsOf, linesOf } from "./helpers.ts";

const pure = { permissions: "none" } as const;

Deno.test("parseConfig() gives every default the goal names", pure, () => {
  assert.deepEqual(JSON.parse(JSON.stringify(parseConfig({}))), {
    server: {
      host: "127.0.0.1",
      port: 65432,
      tls: { certificate: "off", key: "same", port: 65433, names: [] },
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
      partial_timeout: "auto",
      max_sessions: 50,
      persistence: "auto",
      keepalive: 30,
      max_inflight: 256,
      max_unanswered_bytes: 67_108_864,
      max_upload_size: 0,
      redis_url: "redis://127.0.0.1:6379",
      sqlite_file: "sessions.db",
    },
    stateless: { request_timeout: 30, max_request_size: 10485760 },
    storage: {
      ...{ path: "./storage", state: "off", naming: "session_aware", durability: "process" },
      ...{ budget: 0, keep: "off", keep_bytes: 0 },
    },
    limits: {
      rate: { connections_per_second: 200, sessions_per_minute: 600 },
      per_address: { connections: "off", sessions: "off" },
      min_rate: 1024,
      session_quota: 0,
    },
    security: { ip_binding: "strict", keys: "off", mac: "optional", anonymous: "auto" },
    versions: { v1: "on", v1_ack: "eof" },
    features: { fetch: "on", list: "on", remove: "on" },
    admin: {
      host: "127.0.0.1",
      port: "off",
      token_file: "none",
      move_key_file: "none",
      tls: "off",
      names: [],
    },
    hooks: {
      url: "none",
      secret_file: "none",
      give_up_after: 86_400,
      accept: "none",
      accept_default: "refuse",
    },
    logging: { level: "info", format: "text", addresses: "full" },
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
    [{ persistense: 1 }, "persistense: unknown key, did you mean stateful.persistence?"],
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
