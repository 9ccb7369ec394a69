/**
 * The software bill of materials of a release, in CycloneDX 1.5: every package that is inside the programs,
 * with its version and the digest of its archive. `sbom.ts FILE` writes it.
 *
 * The same tree gives the same bytes: nothing of it depends on the machine or on the time.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a script of the build

import { createHash } from "node:crypto";
import { ownPackages, type Package } from "./packages.ts";

/** The bill of a version of fxfer, as JSON. */
export function billOf(version: string, deno: string, packages: readonly Package[]): string {
  const components = [
    { type: "platform", name: "deno", version: deno, "bom-ref": `deno@${deno}` },
    ...packages.map(({ name, version, integrity }) => {
      const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
      const [algorithm, digest] = integrity.split("-", 2) as [string, string];
      if (algorithm !== "sha512") throw new Error(`Cannot describe ${name}: no SHA-512`);
      const content = Uint8Array.fromBase64(digest).toHex();
      return {
        type: "library",
        name,
        version,
        purl,
        "bom-ref": purl,
        hashes: [{ alg: "SHA-512", content }],
      };
    }),
  ];
  const component = { type: "application", name: "fxfer", version, "bom-ref": `fxfer@${version}` };
  const dependencies = [{
    ref: component["bom-ref"],
    dependsOn: components.map((each) => each["bom-ref"]),
  }];
  const metadata = { component, licenses: [{ license: { id: "MIT" } }] };
  const contents = { metadata, components, dependencies };
  const digest = createHash("sha256").update(JSON.stringify(contents)).digest("hex");
  // A UUID made of the contents (version 8), because a random one would differ each time.
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-` +
    `a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  const head = { bomFormat: "CycloneDX", specVersion: "1.5" };
  return `${
    JSON.stringify({ ...head, serialNumber: `urn:uuid:${uuid}`, version: 1, ...contents }, null, 2)
  }\n`;
}

/** The bill of this tree. */
export async function ownBill(): Promise<string> {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  return billOf(version, Deno.version.deno, await ownPackages());
}

if (import.meta.main) {
  const [file, ...more] = Deno.args;
  if (file === undefined || more.length > 0) {
    console.error("Usage: sbom.ts FILE");
    Deno.exit(1);
  }
  await Deno.writeTextFile(file, await ownBill());
  console.log(file);
}
