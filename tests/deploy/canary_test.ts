/** A new version beside the old one, behind real HAProxy with the configuration that deploy/ ships. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { freePort } from "../helpers/free_port.ts";
import { readLines } from "../helpers/lines.ts";
import { Program } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { testWith } from "../helpers/require.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";
import { ask } from "../operate/operators.ts";

const ROOT = new URL("../../", import.meta.url);
const CONFIG = fileURLToPath(new URL("deploy/haproxy-canary.cfg", ROOT));

/** A copy of the program that says it is another version. */
async function otherVersion(folder: string): Promise<string> {
  const copy = async (path: string): Promise<void> => {
    const from = new URL(path, ROOT);
    if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, `${folder}/${path}`);
    await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    for await (const { name } of Deno.readDir(from)) await copy(`${path}/${name}`);
  };
  await Deno.mkdir(`${folder}/.ci`, { recursive: true });
  for (const path of ["main.ts", "mod.ts", "src", ".ci/deno.lock"]) await copy(path);
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ ...config, version: "99.0.0" }));
  return `${folder}/main.ts`;
}

testWith(
  ["haproxy"],
  "no upload fails while a canary gets 0, 5, 50 and 100 % of new connections, and none again",
  async (haproxy) => {
    await using temp = await TempDir.make();
    const main = await otherVersion(`${temp.path}/other`);
    const [stateless, stateful] = [freePort(), freePort()];
    const place = () => ({ port: freePort(), health: freePort(), door: freePort() });
    const places = { one: place(), old: place(), new: place() };
    await using servers = new AsyncDisposableStack();
    for (const [name, { port, health, door }] of Object.entries(places)) {
      servers.use(
        await Program.serve({
          cwd: temp.path,
          args: ["--port", String(port), "--persistence", "sqlite"],
          flags: ["-A"],
          ...(name === "new" && { main }),
          set: {
            "server.health_port": health,
            "admin.port": door,
            "server.proxy_protocol": "v2",
            "server.proxy_allow": "127.0.0.1",
            "stateful.max_sessions": 10_000,
            "server.max_connections": 1000,
            ...(name === "one" && { "server.mode": "stateless" }),
          },
        }),
      );
    }
    const socket = `${temp.path}/haproxy.sock`;
    const child = new Deno.Command(haproxy, {
      args: ["-db", "-f", CONFIG],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: {
        FXFER_HAPROXY_SOCKET: socket,
        FXFER_STATELESS_BIND: `127.0.0.1:${stateless}`,
        FXFER_STATEFUL_BIND: `127.0.0.1:${stateful}`,
        FXFER_STATELESS: `127.0.0.1:${places.one.port}`,
        FXFER_STATELESS_HEALTH: String(places.one.health),
        FXFER_OLD: `127.0.0.1:${places.old.port}`,
        FXFER_OLD_HEALTH: String(places.old.health),
        FXFER_NEW: `127.0.0.1:${places.new.port}`,
        FXFER_NEW_HEALTH: String(places.new.health),
      },
    }).spawn();
    const lines: string[] = [];
    const reading = Promise.all(
      [child.stdout, child.stderr].map((stream) => readLines(stream, (line) => lines.push(line))),
    );
    try {
      const opens = (port: number) => () =>
        RawPeer.open({ port }).then((peer) => (peer.close(), true), () => false);
      for (const port of [stateless, stateful]) await until(opens(port), lines.join("\n"), 10_000);

      const weigh = async (old: number, next: number) => {
        for (const [name, weight] of [["old", old], ["new", next]]) {
          const conn = await Deno.connect({ transport: "unix", path: socket });
          await conn.write(new TextEncoder().encode(`set weight stateful/${name} ${weight}\n`));
          assert.equal((await new Response(conn.readable).text()).trim(), "");
        }
      };
      const failures: string[] = [];
      /** Uploads one file in a session of its own. */
      const upload = async (n: number): Promise<void> => {
        try {
          using peer = await RawPeer.open({ port: stateful });
          const connected = (await peer.connect()).data.code;
          const stored = (await peer.upload(`file ${n}`, { name: `${n}.txt` })).data.code;
          const closed = (await peer.disconnect()).data.code;
          const codes = [connected, stored, closed].join();
          if (codes !== "session_created,ok,session_closed") failures.push(codes);
        } catch (error) {
          failures.push(String(error));
        }
      };
      /** How many sessions each version has created. */
      const created = async (name: "old" | "new"): Promise<number> => {
        const { text } = await ask(places[name].door, "/metrics");
        return Number(/^fxfer_sessions_created_total (\d+)/m.exec(text)![1]);
      };
      /** The part of new sessions that the canary gets at these weights. */
      const share = async (old: number, next: number): Promise<number> => {
        await weigh(old, next);
        const before = [await created("old"), await created("new")];
        for (let n = 0; n < 200; n += 10) {
          await Promise.all(Array.from({ length: 10 }, (_, at) => upload(n + at)));
        }
        const [olds, news] = [await created("old"), await created("new")];
        assert.equal(olds - before[0]! + news - before[1]!, 200);
        return (news - before[1]!) / 200;
      };

      // A session that is there before the canary, and goes on through all of it on its connection.
      using long = await RawPeer.open({ port: stateful });
      const { data: { server } } = await long.connect();
      const goesOn = async () => assert.equal((await long.upload("more")).data.code, "ok");

      const shares: number[] = [];
      for (const [old, next] of [[95, 0], [95, 5], [50, 50], [0, 100], [100, 0]] as const) {
        shares.push(await share(old, next));
        await goesOn();
      }
      assert.deepEqual(failures, []);
      const [none, some, half, all, back] = shares as [number, number, number, number, number];
      assert.deepEqual([none, all, back], [0, 1, 0], shares.join());
      assert.ok(some >= 0.03 && some <= 0.08, `${some} is about 5 %`);
      assert.ok(half >= 0.45 && half <= 0.55, `${half} is about a half`);

      // The versions are two, and a session of one goes on at the other.
      const version = async (door: number) => (await ask(door, "/api/v1/overview")).json.version;
      assert.notEqual(await version(places.old.door), await version(places.new.door));
      await weigh(0, 100);
      using again = await RawPeer.open({ port: stateful });
      const { data } = await again.connect({}, long.id);
      assert.equal(data.code, "session_resumed");
      assert.notEqual(data.server.instance, server.instance);

      using plain = await RawPeer.open({ port: stateless });
      assert.equal((await plain.stateless("plain")).data.code, "ok");
      assert.equal((await plain.connect()).data.code, "mode_not_allowed");
    } finally {
      child.kill("SIGKILL"); // its own process, by its handle
      await child.status;
      await reading;
    }
  },
);
