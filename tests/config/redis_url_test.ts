import assert from "node:assert/strict";
import { parseRedisUrl } from "../../src/config/mod.ts";

const pure = { permissions: "none" } as const;

const none = { username: undefined, password: undefined, master: "" };

Deno.test("parseRedisUrl() takes a server's URL apart", pure, () => {
  assert.deepEqual(parseRedisUrl("redis://[::1]"), {
    ...none,
    ...{ kind: "server", tls: false, nodes: [{ host: "::1", port: 6379 }] },
  });
  assert.deepEqual(parseRedisUrl("rediss://me:p%40ss@h:1/2"), {
    ...{ kind: "server", tls: true, nodes: [{ host: "h", port: 1 }], master: "" },
    ...{ username: "me", password: "p@ss" },
  });
});

Deno.test("parseRedisUrl() takes several hosts with ports of their own", pure, () => {
  assert.deepEqual(parseRedisUrl("redis+cluster://a:1,b,[fe80::1]:3"), {
    ...{ ...none, kind: "cluster", tls: false },
    nodes: [{ host: "a", port: 1 }, { host: "b", port: 6379 }, { host: "fe80::1", port: 3 }],
  });
  assert.deepEqual(parseRedisUrl("rediss+sentinel://:a%2Cb:c@s1,s2:7/my%20master"), {
    ...{ kind: "sentinel", tls: true, username: undefined, password: "a,b:c" },
    ...{ nodes: [{ host: "s1", port: 26379 }, { host: "s2", port: 7 }], master: "my master" },
  });
  assert.equal(parseRedisUrl("redis+cluster://a/0")?.kind, "cluster");
});

Deno.test("parseRedisUrl() refuses what it could only guess at", pure, () => {
  for (
    const url of [
      "http://h",
      "redis://",
      "redis:h",
      "redis+other://h",
      "redis+cluster://",
      "redis+cluster://a,,b",
      "redis+cluster://a:0",
      "redis+cluster://a:65536",
      "redis+cluster://a/1", // a Cluster has one database
      "redis+cluster://a:1:2",
      "redis+sentinel://a", // which master?
      "redis+sentinel://a/",
      "redis+sentinel://a/m/1",
      "redis+sentinel://a/m?x=1",
      "redis+sentinel://:%zz@a/m",
      "redis+sentinel://p@ss@a/m",
    ]
  ) assert.equal(parseRedisUrl(url), undefined, url);
});
