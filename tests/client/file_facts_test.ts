import assert from "node:assert/strict";
import { checkedFacts, factsFor, fitName } from "../../src/client/file_facts.ts";
import { OutgoingFile } from "../../src/client/outgoing_file.ts";
import { pure } from "../helpers/pure.ts";
import { Random } from "../helpers/random.ts";

const bytes = (text: string) => new TextEncoder().encode(text).length;

Deno.test(
  "S-NAM-1 fitName() gives whole paths to a server with names, and 255 bytes to an older one",
  () => {
    const part = "ü".repeat(40);
    const path = ["deep", part, part, part, part, "file.txt"].join("/");
    assert.equal(fitName(path, true), path);
    assert.equal(fitName(path, false), [part, part, part, "file.txt"].join("/"));
    assert.equal(fitName("/a//b/", true), "a/b");
    assert.equal(fitName("\ud800x", true), "\ufffdx");
    const deep = Array.from({ length: 70 }, (_, n) => String(n)).join("/");
    assert.equal(
      fitName(deep, true),
      Array.from({ length: 64 }, (_, n) => String(n + 6)).join("/"),
    );
  },
);

pure("S-NAM-1 fitName() always fits, and keeps the end of the name", () => {
  const random = new Random(7);
  const letters = ["a", "ü", "漢", "😀", "/", ".", "\ud800"];
  for (let n = 0; n < 2000; n++) {
    const length = random.int(1, n % 10 === 0 ? 6000 : 400);
    const name = Array.from({ length }, () => random.pick(letters)).join("");
    for (const names of [true, false]) {
      const fitting = fitName(name, names);
      assert.ok(bytes(fitting) <= (names ? 4096 : 255));
      const components = fitting.split("/");
      assert.ok(components.every((component) => bytes(component) <= 255));
      assert.ok(!names || components.length <= 64);
      assert.ok(fitting === "" || components.every((component) => component !== ""));
      assert.ok(fitting.isWellFormed());
      const plain = name.toWellFormed().split("/").filter((part) => part !== "").join("/");
      assert.ok(plain.endsWith(fitting.split("/").at(-1)!));
      assert.equal(fitName(fitting, names), fitting);
    }
  }
});

pure("S-FEA-1 a server without names is told the name alone", () => {
  const options = { name: "a/b", mtimeMs: 5, executable: true, onClash: "refuse" } as const;
  const facts = checkedFacts({ ...options, name: "/a//b", mimeType: "text/plain" });
  assert.deepEqual(factsFor(facts, true), options);
  assert.deepEqual(factsFor(facts, false), { name: "a/b" });
  assert.deepEqual(factsFor(checkedFacts({ executable: true }), false), {});
});

pure("OutgoingFile refuses names and times that no frame can carry", () => {
  const file = (options: object) => () => new OutgoingFile(new Uint8Array(), options);
  assert.throws(file({ name: "x".repeat(256) }), RangeError);
  assert.throws(file({ name: "//" }), RangeError);
  assert.throws(file({ mtimeMs: -1 }), RangeError);
  assert.throws(file({ mtimeMs: 0.5 }), RangeError);
  file({ name: "a/".repeat(63) + "b", mtimeMs: 0 })();
});
