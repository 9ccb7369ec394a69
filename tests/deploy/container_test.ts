/** The files for containers, by linters. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DCLinter } from "npm:dclint@3.1.0";
import { validate } from "npm:dockerfile-utils@0.16.3";

const pathOf = (name: string) => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));

const faultsOf = (dockerfile: string) =>
  validate(dockerfile).map(({ message, range }) => `line ${range.start.line + 1}: ${message}`);

Deno.test("the Dockerfile has no fault, and one with a fault is found out", async () => {
  const dockerfile = await Deno.readTextFile(pathOf("Dockerfile"));
  assert.deepEqual(faultsOf(dockerfile), []);
  const broken = dockerfile.replace("EXPOSE 65432", "EXPOSE port").replace("USER", "USERS");
  assert.equal(faultsOf(broken).length, 2);
});

/** Rules about the order of lines, which follows what a reader wants to know first, and about quotes. */
const STYLE = [
  "no-unbound-port-interfaces", // clients come from outside: this port is for them
  "require-quotes-in-ports",
  "service-keys-order",
  "services-alphabetical-order",
  "top-level-properties-order",
];

Deno.test("the compose file has no fault, and one with a fault is found out", async () => {
  const linter = new DCLinter({
    rules: Object.fromEntries(STYLE.map((rule) => [rule, 0 as const])),
    ...{ quiet: false, debug: false, exclude: [] },
  });
  const faultsIn = (path: string) =>
    linter.lintFiles([path], false).flatMap(({ messages }) =>
      messages.map(({ line, rule, message }) => `line ${line}: ${message} (${rule})`)
    );
  const path = pathOf("compose.yaml");
  assert.deepEqual(faultsIn(path), []);
  const temp = await Deno.makeTempDir();
  try {
    const compose = await Deno.readTextFile(path);
    for (
      const [good, bad] of [["image: redis:7", "image: redis:latest"], ["restart:", "restarts:"]]
    ) {
      await Deno.writeTextFile(`${temp}/compose.yaml`, compose.replaceAll(good!, bad!));
      assert.notEqual(faultsIn(`${temp}/compose.yaml`).length, 0, bad);
    }
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
});
