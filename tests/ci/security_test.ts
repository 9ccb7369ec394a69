/** The build's looks at what fxfer is made of: vulnerabilities, the bill of materials, secrets. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { EXIT, outcomeOf } from "../../.ci/audit.ts";
import { ownPackages, packagesOf } from "../../.ci/packages.ts";
import { billOf, ownBill } from "../../.ci/sbom.ts";
import { scan, secretsIn } from "../../.ci/secrets.ts";
import { formatKey, newKey } from "../../src/keys/mod.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("An audit that could not ask is no pass, and one that found something names it", () => {
  const refused = JSON.stringify({ message: "405 Method Not Allowed", statusCode: 405 });
  for (const [out, err] of [[refused, ""], ["", "npm error network"], ["<html>", "proxy"]]) {
    assert.equal(outcomeOf(out!, err!).kind, "not asked");
  }
  assert.deepEqual(outcomeOf('{"vulnerabilities":{}}', ""), { kind: "none" });
  const found = outcomeOf(
    '{"vulnerabilities":{"x":{"severity":"high","via":[{"title":"Bad things"},"y"]}}}',
    "",
  );
  assert.deepEqual(found, { kind: "found", faults: ["x: high: Bad things; y"] });
  assert.deepEqual(EXIT, { none: 0, found: 1, "not asked": 3 });
});

Deno.test("The bill of materials has every package of the lock file, with its digest", async () => {
  const bill = JSON.parse(await ownBill());
  assert.deepEqual([bill.bomFormat, bill.specVersion, bill.version], ["CycloneDX", "1.5", 1]);
  assert.match(
    bill.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const packages = await ownPackages();
  assert.ok(packages.length >= 5);
  const libraries = bill.components.filter(({ type }: { type: string }) => type === "library");
  assert.deepEqual(
    libraries.map(({ name, version }: { name: string; version: string }) => `${name}@${version}`),
    packages.map(({ name, version }) => `${name}@${version}`),
  );
  for (const { hashes: [{ alg, content }], purl } of libraries) {
    assert.equal(alg, "SHA-512");
    assert.match(content, /^[0-9a-f]{128}$/);
    assert.match(purl, /^pkg:npm\/(%40[\w.-]+\/)?[\w.-]+@[\w.-]+$/);
  }
  const refs = new Set(bill.components.map((each: { "bom-ref": string }) => each["bom-ref"]));
  for (const ref of bill.dependencies[0].dependsOn) assert.ok(refs.has(ref), ref);
  const lock = '{"npm":{"@a/b@1.2.3_c@1.0.0":{"integrity":"sha512-AAAA"}}}';
  assert.equal(billOf("1", "2", packagesOf(lock)), billOf("1", "2", packagesOf(lock)));
  assert.equal(packagesOf(lock)[0]!.name, "@a/b");
});

Deno.test("The scanner finds the secrets of fxfer and of others, and names no secret", async () => {
  const key = formatKey(newKey("alice"));
  const samples = [
    `key: ${key}`,
    `-----BEGIN ${"PRIVATE KEY"}-----\nMIGHAgEAMBMGByqGSM49`,
    `AKIA${"A".repeat(16)}`,
    `ghp_${"a".repeat(36)}`,
    `npm_${"a".repeat(36)}`,
    `xoxb-${"1".repeat(12)}`,
  ];
  for (const sample of samples) assert.equal(secretsIn(`one\n${sample}\n`)[0]?.line, 2, sample);
  for (const text of ["fxfer_<name>_<base64url>", `fxfer_alice_${"A".repeat(42)}`, "akia"]) {
    assert.deepEqual(secretsIn(text), []);
  }
  await using dir = await TempDir.make();
  await new Deno.Command("git", { args: ["init", "-q", dir.path] }).output();
  await Deno.writeTextFile(dir.join("notes.txt"), `\n\n${key}\n`);
  const found = await scan(dir.path);
  assert.deepEqual(found, ["notes.txt:3: a key of fxfer"]);
});

Deno.test("No secret is in this tree", async () => {
  assert.deepEqual(await scan(fileURLToPath(ROOT)), []);
});

Deno.test("SECURITY names rules that are defined, and tests that are there", async () => {
  const page = await Deno.readTextFile(new URL(".github/SECURITY.md", ROOT));
  const texts = await Promise.all(
    ["protocol", "session", "keys", "tls", "server"].map((folder) =>
      Deno.readTextFile(new URL(`src/${folder}/mod.ts`, ROOT))
    ).concat(Deno.readTextFile(new URL("src/protocol/files/mod.ts", ROOT))),
  );
  const rules = new Set(page.match(/\bS-[A-Z]{3,4}-\d+\b/g));
  assert.ok(rules.size >= 10);
  for (const rule of rules) {
    assert.ok(texts.some((text) => text.includes(`* - ${rule} `)), rule);
  }
  const tests = new Set(
    page.match(/\b(attack|keys|e2e|session|protocol|ci)\/[a-z_]+\b(?!\.)/g),
  );
  assert.ok(tests.size >= 12);
  for (const name of tests) {
    assert.ok(
      await Deno.stat(new URL(`tests/${name}_test.ts`, ROOT)).then(() => true, () => false),
      name,
    );
  }
});
