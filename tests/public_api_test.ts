/** What `mod.ts` shows to those who read `deno doc`. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const CATEGORIES = [
  "Client",
  "Errors",
  "Events",
  "Keys",
  "Migration",
  "Protocol",
  "Server",
  "Session",
  "Storage",
  "Store",
];

const ROOT = fileURLToPath(new URL("../", import.meta.url));

async function doc(...args: string[]) {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["doc", ...args, "mod.ts"],
    cwd: ROOT,
  });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

interface Symbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly jsDoc?: {
      readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
    };
  }[];
}

Deno.test("Every public symbol stands in one of the categories, and none of them is empty", async () => {
  const { nodes } = JSON.parse((await doc("--json")).out);
  const symbols = Object.values<{ symbols: Symbol[] }>(nodes).flatMap(({ symbols }) => symbols);
  assert.ok(symbols.length > 150);
  const found = symbols.map(({ name, declarations }) => {
    const tags = declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? []);
    const [category, ...more] = tags.filter(({ kind }) => kind === "category");
    assert.ok(category?.doc && more.length === 0, `${name} has one @category`);
    return category.doc;
  });
  assert.deepEqual([...new Set(found)].sort(), CATEGORIES);
});

Deno.test("Every public symbol is documented, and refers to public ones only", async () => {
  const { code, err } = await doc("--lint");
  assert.equal(code, 0, err);
});
