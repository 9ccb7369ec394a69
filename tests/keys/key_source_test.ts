/** The file of keys while a server runs. @module */
import assert from "node:assert/strict";
import { KeySource } from "../../src/app/keys.ts";
import { DEFAULT_CONFIG } from "../../src/config/mod.ts";
import { formatKey, newKey } from "../../src/keys/mod.ts";
import { silentLogger } from "../../src/log.ts";
import { TempDir } from "../helpers/temp.ts";

Deno.test("S-KEY-6 a file of keys that stays wrong is told once, and is used when it is right again", async () => {
  await using temp = await TempDir.make();
  const file = temp.join("keys");
  const write = (text: string) => Deno.writeTextFile(file, text, { mode: 0o600 });
  await write(`${formatKey(newKey("alice"))}\n`);
  const told: string[] = [];
  const log = {
    ...silentLogger,
    error: (event: string) => void told.push(event),
    info: (event: string) => void told.push(event),
  };
  const config = { ...DEFAULT_CONFIG, security: { ...DEFAULT_CONFIG.security, keys: file } };
  using source = await KeySource.open(config, log);
  await write("no key\n");
  for (let times = 0; times < 4; times++) await source.look();
  assert.deepEqual(told, ["keys.not_read"]);
  assert.deepEqual(source.lines().map(({ key }) => key.name), ["alice"]);
  await write(`${formatKey(newKey("robert"))}\n`);
  for (let times = 0; times < 4; times++) await source.look();
  assert.deepEqual(told, ["keys.not_read", "keys.read"]);
  assert.deepEqual(source.lines().map(({ key }) => key.name), ["robert"]);
});
