import assert from "node:assert/strict";
import { askRedis } from "../helpers/ask_redis.ts";
import { freePort } from "../helpers/free_port.ts";
import { system } from "../helpers/ran.ts";
import { RedisCluster, RedisSentinels } from "../helpers/redis_cluster.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWithAll } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

/** A certificate authority, and a certificate of it for 127.0.0.1. */
async function certificates(openssl: string): Promise<TempDir> {
  const dir = await TempDir.make();
  const run = (...args: string[]) => system(openssl, args, dir.path);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await Deno.writeTextFile(dir.join("names"), "subjectAltName=IP:127.0.0.1");
  await run(
    "req",
    "-x509",
    ...key,
    ..."-days 2 -keyout ca.key -out ca.pem -subj /CN=ca".split(" "),
  );
  await run("req", ...key, ..."-keyout server.key -out server.csr -subj /CN=server".split(" "));
  const sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
  await run(...sign.split(" "), ..."-extfile names -out server.pem".split(" "));
  return dir;
}

/** Redis with TLS on a port beside its own. */
const tlsArgs = (dir: TempDir) => [
  ...["--tls-cert-file", dir.join("server.pem"), "--tls-key-file", dir.join("server.key")],
  ...["--tls-ca-cert-file", dir.join("ca.pem"), "--tls-auth-clients", "no"],
];

testWithAll(
  ["redis-server", "openssl"],
  "rediss:// believes in a certificate authority named by DENO_CERT, with --allow-net alone",
  async (program, openssl) => {
    await using dir = await certificates(openssl);
    const tlsPort = freePort();
    const args = [...tlsArgs(dir), "--tls-port", String(tlsPort)];
    await using redis = await RedisServer.start(program, args);
    await redis.command("SET", "k", "kept");
    const url = `rediss://127.0.0.1:${tlsPort}`;
    assert.match(await askRedis(url, { DENO_CERT: dir.join("ca.pem") }), /^kept$/m);
    const refused = await askRedis(url);
    assert.match(refused, /redis\.lost \w*CERT/, "an unknown authority is not believed");
    assert.doesNotMatch(refused, /kept/);
  },
);

for (const kind of ["Cluster", "Sentinels"] as const) {
  testWithAll(
    ["redis-server", "openssl"],
    `every connection to a Redis ${kind} is encrypted, with --allow-net alone`,
    async (program, openssl) => {
      await using dir = await certificates(openssl);
      const tls = tlsArgs(dir);
      await using redis = kind === "Cluster"
        ? await RedisCluster.start(program, false, tls)
        : await RedisSentinels.start(program, "", tls);
      const nodes = redis instanceof RedisCluster ? redis.nodes : [redis.master];
      for (const node of nodes) await node.command("SET", "k", "kept"); // one of them has the slot
      assert.match(await askRedis(redis.url, { DENO_CERT: dir.join("ca.pem") }), /^kept$/m);
      assert.doesNotMatch(
        await askRedis(redis.url),
        /kept/,
        "an unknown authority is not believed",
      );
    },
  );
}
