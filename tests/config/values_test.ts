/** Which values the settings take: numbers, times, sizes, lists, words and texts. @module */
import assert from "node:assert/strict";
import { DEFAULT_CONFIG, parseConfig, SETTINGS } from "../../src/config/mod.ts";
import { at, faultsOf, linesOf } from "./helpers.ts";

const pure = { permissions: "none" } as const;

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
        ...(setting.kind.read("") === undefined ? [["", "empty text"] as const] : []),
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
        /^server\.port: wanted off or whole number 0 to 65535, found /,
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

Deno.test(
  "lists are lists, or text with commas, in brackets or not, and every item counts",
  pure,
  () => {
    const cases: readonly (readonly [unknown, readonly string[]])[] = [
      [[], []],
      ["", []],
      [["127.0.0.1", "::1"], ["127.0.0.1", "::1"]],
      ["10.0.0.0/8, 2001:db8::/32,", ["10.0.0.0/8", "2001:db8::/32"]],
      ["192.0.2.1", ["192.0.2.1"]],
      ["[]", []],
      ["[10.0.0.0/8, ::1]", ["10.0.0.0/8", "::1"]],
    ];
    for (const [raw, value] of cases) {
      const { proxy_allow } = parseConfig(at("server.proxy_allow", raw)).server;
      assert.deepEqual(proxy_allow, value);
      assert(Object.isFrozen(proxy_allow));
    }
    for (
      const bad of [
        ["10.0.0.0/33"],
        ["::1", 7],
        ["::1", null],
        "proxy.example",
        7,
        [["::1"]],
        "[::1",
      ]
    ) {
      assert.match(
        linesOf(at("server.proxy_allow", bad))[0] ?? "",
        /^server\.proxy_allow: wanted a list of IP addresses or networks such as 10\.0\.0\.0\/8, /,
        String(bad),
      );
    }
  },
);

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
