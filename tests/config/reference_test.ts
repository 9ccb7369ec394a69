import assert from "node:assert/strict";
import { configYaml, SETTINGS, settingsReference } from "../../src/config/mod.ts";

const pure = { permissions: "none" } as const;

Deno.test("config.yaml is made from the table of settings", async () => {
  const committed = await Deno.readTextFile(new URL("../../config.yaml", import.meta.url));
  const how = "deno run -A main.ts config print --defaults > config.yaml";
  assert.equal(committed.replaceAll("\r\n", "\n"), configYaml(), `Make it anew: ${how}`);
});

Deno.test("the reference shows path, default, values and meaning of every setting", pure, () => {
  const text = settingsReference().replaceAll(/\s+/g, " ");
  let last = -1;
  for (const [path, { default: standard, kind, about, live }] of SETTINGS) {
    const value = Array.isArray(standard) ? `[${standard}]` : standard;
    const at = text.indexOf(` ${path} = ${value} (${kind.brief}${live ? "; live" : ""}) ${about}.`);
    assert.ok(at > last, `${path} stands after the setting before it`);
    last = at;
  }
});

Deno.test("the reference fits 80 columns, and config.yaml 100", pure, () => {
  for (const line of settingsReference().split("\n")) assert.ok(line.length <= 80, line);
  for (const line of configYaml().split("\n")) assert.ok(line.length <= 100, line);
});

Deno.test("every setting has a meaning, in sentences without their full stops", pure, () => {
  for (const [path, { about, more = [] }] of SETTINGS) {
    for (const sentence of [about, ...more]) assert.match(sentence, /^\S.*[^.\s]$/, path);
  }
});
