import assert from "node:assert/strict";
import { checkRuntime } from "../../src/cli/doctor/checks.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_W } from "../helpers/program.ts";
import { mkfifo } from "../helpers/ran.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";

/** Every finding, by check. */
async function doctor(folder: TempDir, args: readonly string[] = [], flags?: readonly string[]) {
  const { code, out, err } = await fxfer(["doctor", "--json", "-p", "0", ...args], {
    cwd: folder.path,
    ...(flags === undefined ? {} : { flags }),
  });
  assert.equal(err, "");
  const findings: { level: string; check: string; text: string; advice?: string }[] = out
    .trimEnd().split("\n").map((line) => JSON.parse(line));
  const of = (check: string) => findings.filter((finding) => finding.check === check);
  return { code, findings, of };
}

/** Whether the program under test is a compiled one. */
const COMPILED = Deno.env.has("FXFER_BIN");

Deno.test("fxfer doctor finds nothing wrong with a new folder, and leaves it as it was", async () => {
  await using folder = await TempDir.make();
  await Deno.mkdir(folder.join("storage"));
  const { code, findings, of } = await doctor(folder);
  assert.equal(code, 0);
  assert.equal(of("sessions")[0]!.text, "in ./storage/sessions.db");
  assert.deepEqual(findings.filter(({ level }) => level === "problem"), []);
  assert.deepEqual([...Deno.readDirSync(folder.join("storage"))], []);
  const text = await fxfer(["doctor", "-p", "0"], { cwd: folder.path });
  assert.equal(text.code, 0);
  assert.match(text.out, /^ok {7}runtime {7}Deno \d/m);
  // A compiled program may not read /proc: it notes that the limit is unknown.
  assert.match(text.out, COMPILED ? /^no problems, 1 note$/m : /^no problems$/m);
  assert.ok(text.out.split("\n").every((line) => line.length <= 80));
});

Deno.test("fxfer doctor says what tier W gives up, and that sqlite needs more", {
  ignore: COMPILED, // its permissions are baked in
}, async () => {
  await using folder = await TempDir.make();
  await Deno.mkdir(folder.join("storage"));
  const plain = await doctor(folder, [], FLAGS_W);
  assert.equal(plain.code, 0);
  assert.match(plain.of("permissions")[0]!.text, /^tier W: /);
  assert.equal(plain.of("storage")[0]!.text, "./storage can be written");
  const [sessions] = plain.of("sessions");
  assert.match(sessions!.text, /^in memory: /);
  assert.equal(sessions!.advice, "--allow-read=./storage keeps them in sqlite");
  const sqlite = await doctor(folder, ["--persistence", "sqlite"], FLAGS_W);
  assert.equal(sqlite.code, 1);
  assert.match(sqlite.of("sessions")[0]!.text, /sqlite needs to read \.\/storage/);
  const nothing = await doctor(folder, [], ["--no-prompt"]);
  assert.equal(nothing.code, 1);
  assert.deepEqual(nothing.of("permissions").map(({ advice }) => advice), [
    "add --allow-net",
    "add --allow-write=./storage",
  ]);
});

Deno.test("fxfer doctor names symlinks and FIFOs in storage, and blocks on none", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await TempDir.make();
  await Deno.mkdir(folder.join("storage", "session_x"), { recursive: true });
  await Deno.symlink("/etc/hostname", folder.join("storage", "link"));
  await mkfifo(folder.join("storage", "session_x", "pipe"));
  const { code, of } = await doctor(folder);
  assert.equal(code, 1);
  const { text } = of("storage").find(({ level }) => level === "problem")!;
  assert.match(text, /link \(symlink\)/);
  assert.match(text, /session_x\/pipe \(FIFO, socket or device\)/);
});

Deno.test("fxfer doctor finds a port in use, too few handles, and no Redis", async () => {
  await using folder = await TempDir.make();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const args = ["-p", String(port), "--persistence", "redis", "--redis-url", "redis://127.0.0.1:1"];
  const { code, of } = await doctor(folder, [...args, "--set", "server.max_connections=100000"]);
  assert.equal(code, 1);
  assert.equal(of("port")[0]!.text, `127.0.0.1:${port} is in use`);
  assert.match(of("sessions")[0]!.text, /^redis at 127\.0\.0\.1:1 cannot be reached: /);
  if (Deno.build.os === "linux" && !COMPILED) {
    assert.match(of("open files")[0]!.text, /^(\d+ allowed, up to 200064 needed|Infinity)/);
  }
});

Deno.test("fxfer doctor knows a Redis that answers, and a server that is none", async () => {
  await using folder = await TempDir.make();
  for (
    const [answer, level] of [["+PONG\r\n", "ok"], ["-NOAUTH x\r\n", "ok"], ["SSH-2", "problem"]]
  ) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = (async () => {
      using conn = await listener.accept();
      await conn.read(new Uint8Array(64));
      await conn.write(new TextEncoder().encode(answer));
    })();
    const url = `redis://:sesame@127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
    const { of, findings } = await doctor(folder, ["--persistence", "redis", "--redis-url", url]);
    await served;
    assert.equal(of("sessions")[0]!.level, level);
    assert.ok(!JSON.stringify(findings).includes("sesame"));
  }
});

Deno.test("fxfer doctor finds storage that is a file or cannot be written", async () => {
  await using folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("storage"), "");
  const { code, of } = await doctor(folder);
  assert.equal(code, 1);
  assert.deepEqual(of("storage")[0]!.text, "./storage is no folder");
});

Deno.test("a runtime that must not be used is a problem", { permissions: "none" }, () => {
  assert.equal(checkRuntime("2.8.3").level, "problem");
  assert.equal(checkRuntime("2.9.6").level, "ok");
});

testWith(
  ["redis-server"],
  "S-KEY-3 fxfer doctor warns of a Redis that forgets when it is full",
  async (path) => {
    await using folder = await TempDir.make();
    await using redis = await RedisServer.start(path);
    const look = async (user = "") => {
      const url = `redis://${user}127.0.0.1:${redis.port}`;
      const args = ["--persistence", "redis", "--redis-url", url];
      const { code, of, findings } = await doctor(folder, args);
      assert.ok(!JSON.stringify(findings).includes("sesame"));
      assert.equal(code, 0);
      return of("sessions").at(-1)!;
    };
    assert.deepEqual((await look()).level, "ok");
    for (const policy of ["allkeys-lru", "volatile-ttl"]) {
      assert.match(await redis.command("CONFIG", "SET", "maxmemory-policy", policy), /OK/);
      const { level, text, advice } = await look();
      assert.deepEqual([level, text.includes(policy)], ["note", true], text);
      assert.match(advice!, /noeviction/);
    }
    await redis.command("CONFIG", "SET", "requirepass", "sesame");
    assert.match((await look(":sesame@")).text, /volatile-ttl/);
    const refused = await look(":wrong@");
    assert.deepEqual(
      [refused.level, /is unknown/.test(refused.text)],
      ["note", true],
      refused.text,
    );
  },
);
