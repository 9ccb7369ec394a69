import assert from "node:assert/strict";
import { configYaml, SETTINGS } from "../../src/config/mod.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { TempDir } from "../helpers/temp.ts";

async function folderWith(yaml: string): Promise<TempDir> {
  const folder = await TempDir.make();
  await Deno.writeTextFile(folder.join("config.yaml"), yaml);
  return folder;
}

Deno.test("fxfer config print shows every value and where it came from", async () => {
  await using folder = await folderWith("server: { port: 7000, mode: dual }\n");
  const args = ["config", "print", "--mode", "stateful", "--set", "limits.min_rate=1k"];
  const { code, out, err } = await fxfer([...args, "--json"], { cwd: folder.path });
  assert.deepEqual([code, err], [0, ""]);
  const shown = JSON.parse(out);
  assert.deepEqual(Object.keys(shown), [...SETTINGS.keys()]);
  assert.deepEqual(shown["server.port"], { value: 7000, origin: "config.yaml" });
  assert.deepEqual(shown["server.mode"], { value: "stateful", origin: "flag" });
  assert.deepEqual(shown["limits.min_rate"], { value: 1024, origin: "flag" });
  assert.deepEqual(shown["server.host"], { value: "127.0.0.1", origin: "default" });
  const list = ["--set", "server.proxy_allow=::1,10.0.0.0/8"];
  const text = await fxfer([...args, ...list], { cwd: folder.path });
  assert.match(text.out, /^server\.proxy_allow +\[::1, 10\.0\.0\.0\/8\] +flag$/m);
  assert.match(text.out, /^server\.port {10,}7000 +config\.yaml$/m);
  assert.equal(text.out.trimEnd().split("\n").length, SETTINGS.size);
});

Deno.test("fxfer config print shows a section that is off as one line", async () => {
  await using folder = await folderWith("limits: { rate: off }\n");
  const { out } = await fxfer(["config", "print"], { cwd: folder.path });
  assert.match(out, /^limits\.rate +off +config\.yaml$/m);
  assert.doesNotMatch(out, /limits\.rate\./);
});

Deno.test("fxfer config print never shows a password", async () => {
  await using folder = await TempDir.make();
  for (
    const [url, shown] of [
      ["redis://user:sesame@db:6380/2", "redis://***@db:6380/2"],
      ["rediss://:sesame@db", "rediss://***@db"],
      ["redis://db:6379", "redis://db:6379"],
    ] as const
  ) {
    for (const form of [[], ["--json"]]) {
      const { code, out, err } = await fxfer(["config", "print", "--redis-url", url, ...form], {
        cwd: folder.path,
      });
      assert.equal(code, 0, err);
      assert.ok(out.includes(shown), out);
      assert.ok(!(out + err).includes("sesame"));
    }
  }
});

Deno.test("fxfer config check names every fault and exits 1, or says that all is valid", async () => {
  await using folder = await folderWith("server: { port: 99999, hots: x }\n");
  const wrong = await fxfer(["config", "check", "--set", "stateful.keepalive=never"], {
    cwd: folder.path,
  });
  assert.deepEqual([wrong.code, wrong.out], [1, ""]);
  const lines = wrong.err.trimEnd().split("\n");
  assert.equal(lines.length, 3);
  assert.match(wrong.err, /server\.hots.*did you mean server\.host\?/);
  await Deno.writeTextFile(folder.join("config.yaml"), "server: { port: 1 }\n");
  const right = await fxfer(["config", "check"], { cwd: folder.path });
  assert.deepEqual(right, { code: 0, out: "config.yaml: valid\n", err: "" });
  const none = await fxfer(["config", "check", "-c", "none.yaml"], { cwd: folder.path });
  assert.equal(none.code, 8);
  const verb = await fxfer(["config", "show"], { cwd: folder.path });
  assert.deepEqual([verb.code, verb.out], [1, ""]);
});

Deno.test("fxfer config print --defaults prints a config.yaml to start from", async () => {
  await using folder = await folderWith("server: { port: 7000 }\n");
  const printed = await fxfer(["config", "print", "--defaults"], { cwd: folder.path });
  assert.deepEqual(printed, { code: 0, out: configYaml(), err: "" });
  await Deno.writeTextFile(folder.join("config.yaml"), printed.out);
  const check = await fxfer(["config", "check"], { cwd: folder.path });
  assert.deepEqual(check, { code: 0, out: "config.yaml: valid\n", err: "" });
  const wrong = await fxfer(["config", "check", "--defaults"], { cwd: folder.path });
  assert.deepEqual([wrong.code, wrong.out], [1, ""]);
});
