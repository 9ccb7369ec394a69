/** What a full run writes, to terminals, logs, events, files and the list of processes, has no secret in it. @module */
import assert from "node:assert/strict";
import { fxfer, start } from "../helpers/fxfer.ts";
import { FLAGS_RW, Program } from "../helpers/program.ts";
import { randomBytes } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { TempDir } from "../helpers/temp.ts";

/** Everything below a folder, byte for byte. */
async function contentsOf(folder: string): Promise<string> {
  const parts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    parts.push(
      isDirectory
        ? await contentsOf(path)
        : new TextDecoder("latin1").decode(await Deno.readFile(path)),
    );
  }
  return parts.join("\n");
}

const cmdline = (pid: number) => Deno.readTextFile(`/proc/${pid}/cmdline`);

Deno.test({
  name: "no key, token or whole id of a session stands in anything that a run writes",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using dir = await TempDir.make();
    const run = (...args: readonly string[]) => fxfer(args, { cwd: dir.path });
    const made = await run("key", "new", "alice");
    const rotated = await run("key", "rotate", "alice");
    const secrets = [made, rotated].map(({ out }) => out.trim().slice(-43));
    await Deno.writeTextFile(dir.join("alice.key"), rotated.out, { mode: 0o600 });
    await Deno.writeFile(dir.join("a.bin"), randomBytes(3_000_000, 1));
    const wrong = `fxfer_alice_${"A".repeat(43)}`;
    await Deno.writeTextFile(dir.join("wrong.key"), wrong, { mode: 0o600 });
    const written: string[] = [made.err, rotated.err];
    const ids: string[] = [];
    {
      await using server = await Program.serve({
        cwd: dir.path,
        flags: FLAGS_RW.map((flag) => flag.replace("config.yaml", "config.yaml,fxfer.keys")),
        args: ["--keys", "fxfer.keys", "--trace", "--persistence", "sqlite"],
        set: { "logging.level": "debug", "security.anonymous": "put", "server.health_port": 0 },
      });
      const { port: health } = await server.event("health.listening");
      const to = ["send", "--port", String(server.port), "--retries", "1", "--trace"];
      const sending = start([
        ...to,
        "--key-file",
        "alice.key",
        "--mac",
        "--limit-rate",
        "3M",
        "a.bin",
      ], {
        cwd: dir.path,
      });
      await server.event("connection.proven");
      written.push(await cmdline(server.pid), await cmdline(sending.pid));
      const { out, err, code } = await sending.ended;
      assert.equal(code, 0, err);
      written.push(err);
      ids.push(...out.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []);
      for (
        const args of [
          [...to, "--key-file", "wrong.key", "a.bin"],
          [...to, "--json", "--key-file", "alice.key", "--state", "s2", "a.bin"],
          [...to, "--state", "s3", "a.bin"], // anonymous, with a token
          [...to, "--key-file", "a.bin", "a.bin"],
          ["doctor", "--keys", "fxfer.keys"],
          ["config", "print", "--set", "security.keys=fxfer.keys"],
          ["key", "list", "--json"],
        ]
      ) {
        const { err, out } = await run(...args);
        written.push(err, out.replaceAll(/session_[0-9a-f-]{36}/g, "")); // the place of one's own file
      }
      {
        using peer = await RawPeer.open(server);
        const { data } = await peer.connect({ want_token: true });
        secrets.push(data.token);
        ids.push(peer.id!);
        await peer.upload("hello");
        await peer.request({ action: "connect", mode: "stateful", id: peer.id });
        using thief = await RawPeer.open(server);
        await thief.connect({ token: data.token.slice(1) }, peer.id);
      }
      for (const path of ["healthz", "readyz", "metrics"]) {
        written.push(await (await fetch(`http://127.0.0.1:${health}/${path}`)).text());
      }
      await run("key", "revoke", "alice");
      await server.event("keys.read");
      // What is wrong with a file is told without the file.
      await Deno.writeTextFile(dir.join("fxfer.keys"), `${wrong} cna=put\n${made.out}`);
      await server.event("keys.not_read");
      await server.kill();
      written.push(server.output());
    }
    written.push(await contentsOf(dir.join("storage")));
    const all = written.join("\n");
    for (const secret of [...secrets, wrong.slice(-43)]) {
      // Neither whole nor in part.
      for (let at = 0; at + 16 <= secret.length; at += 8) {
        assert.ok(
          !all.includes(secret.slice(at, at + 16)),
          `${secret.slice(at, at + 16)} is written`,
        );
      }
    }
    assert.ok(ids.length > 0, "the client knows its session");
    const log = written.filter((text) => text.includes("server.listening")).join();
    assert.ok(log.includes(ids[0]!.slice(0, 8)), "the log names sessions by their beginning");
    for (const id of ids) assert.ok(!log.includes(id), "and by no more");
  },
});

Deno.test("a key or an address that is typed in the wrong place is not repeated", async () => {
  await using dir = await TempDir.make();
  const key = `fxfer_alice_${"Secret".repeat(7)}A`;
  const address = `fxfers://${key}@127.0.0.1:9`;
  for (
    const args of [
      ["send", "photo.png", address],
      ["send", "--key-file", key, "photo.png"],
      ["send", "--address-file", address, "photo.png"],
      ["send", "--port", address, "photo.png"],
      ["get", "photo.png", address],
      ["ls", "photos", address],
      ["rm", "--yes", "photo.png", address],
      ["serve", address],
      ["serve", "--keys", key],
      ["serve", "--set", address],
      ["key", "revoke", key],
      ["verify", address],
      [`--${address}`],
    ]
  ) {
    const { code, out, err } = await fxfer(args, { cwd: dir.path });
    assert.notEqual(code, 0);
    assert.match(err, /^fxfer: /);
    assert.doesNotMatch(out + err, /Secret/, args[0]!);
  }
});
