import assert from "node:assert/strict";
import {
  decodeComponent,
  encodeComponent,
  isOriginalPath,
  originalName,
  originalPath,
} from "../../src/storage/original_names.ts";
import { isFinalPath } from "../../src/storage/naming.ts";
import { pure } from "../helpers/pure.ts";
import { Random } from "../helpers/random.ts";

const NAMES = Number(Deno.env.get("FXFER_NAMES") ?? 100_000);
const SEED = Number(Deno.env.get("FXFER_SEED") ?? 13);

pure("S-NAM-2 a component is written as every system takes it", () => {
  const table: readonly (readonly [name: string, written: string])[] = [
    ["photo.png", "photo.png"],
    ["Grüße an 日本 🎉.txt", "Grüße an 日本 🎉.txt"],
    [".", "%2E"],
    ["..", "%2E%2E"],
    ["...", "%2E.%2E"],
    [".hidden", "%2Ehidden"],
    ["dots..", "dots.%2E"],
    [" a ", "%20a%20"],
    ["a\nb\u007f\u0085", "a%0Ab%7F%C2%85"],
    ['\\:*?"<>|%', "%5C%3A%2A%3F%22%3C%3E%7C%25"],
    ["CON", "%43ON"],
    ["con.tar.gz", "%63on.tar.gz"],
    ["nul .txt", "%6Eul .txt"],
    ["com1", "%63om1"],
    ["LPT³.x", "%4CPT³.x"],
    ["CONIN$", "%43ONIN$"],
    ["console", "console"],
    ["com10", "com10"],
    ["e\u0301", "é"],
    [".\u0301", "%2E%CC%81"],
    ["x~0123456789abcdef", "x%7E0123456789abcdef"],
    ["~", "~"],
  ];
  for (const [name, written] of table) {
    assert.equal(encodeComponent(name), written);
    assert.equal(decodeComponent(written), name.normalize("NFC"));
  }
});

pure("S-NAM-2 a component that is too long is cut, and ends in its digest", () => {
  for (const name of ["x".repeat(256), "é".repeat(128), ".".repeat(253), "\u0001".repeat(100)]) {
    const written = encodeComponent(name);
    assert.match(written, /^.{1,238}~[0-9a-f]{16}$/u);
    assert.ok(new TextEncoder().encode(written).length <= 255);
    assert.equal(decodeComponent(written), undefined);
    assert.notEqual(written, encodeComponent(`${name}y`));
    assert.ok(isOriginalPath(originalPath(undefined, name)));
  }
  assert.equal(encodeComponent("x".repeat(255)), "x".repeat(255));
});

pure("S-NAM-2 S-NAM-3 a path is that of its owner, with a number if the name is taken", () => {
  assert.equal(originalPath(undefined, "a/b.tar.gz"), "files/public/a/b.tar.gz");
  assert.equal(originalPath("ann", "photo.png", 2), "files/ann/photo (2).png");
  assert.equal(originalPath("ann", "a.b/README", 3), "files/ann/a.b/README (3)");
  assert.equal(originalPath("ann", ".env", 2), "files/ann/%2Eenv (2)");
  assert.equal(originalPath("..", "../../x"), "files/%2E%2E/%2E%2E/%2E%2E/x");
  // A name of version 2.0 is any text.
  assert.equal(originalPath("ann", "/etc/passwd"), "files/ann/%2Fetc%2Fpasswd");
  assert.equal(originalPath("ann", "a//b"), "files/ann/a%2F%2Fb");
});

pure("S-NAM-2 a path that is too long becomes one component that is cut", () => {
  const name = Array.from({ length: 64 }, (_, at) => `${at}${"y".repeat(60)}`).join("/");
  const path = originalPath("ann", name);
  assert.match(path, /^files\/ann\/[^/]{1,238}~[0-9a-f]{16}$/);
  assert.ok(isOriginalPath(path) && isFinalPath(path));
  assert.notEqual(path, originalPath("ann", name, 2));
});

pure("Paths that fxfer does not make are no paths of files that keep their names", () => {
  const planted = [
    "files/ann",
    "files/ann/",
    "files//x",
    "files/../x/y",
    "files/ann/../../x",
    "files/ann/.x",
    "files/ann/x.",
    "files/ann/CON",
    "files/ann/a\\b",
    "files/ann/%2f",
    "files/ann/%41",
    "files/ann/%",
    "files/ann/%FF",
    "files/ann/a\u0000",
    "files/ann/e\u0301",
    "/files/ann/x",
    "file/ann/x",
    `files/ann/..~${"0".repeat(16)}`,
    `files/ann/a/${"x".repeat(256)}`,
  ];
  for (const path of planted) assert.ok(!isFinalPath(path), path);
});

pure(
  `S-NAM-2 ${NAMES} seeded names never leave the owner's folder, and can be read back (seed ${SEED})`,
  () => {
    const random = new Random(SEED);
    const parts = [
      ...[
        ".",
        "..",
        " ",
        "/",
        "\\",
        ":",
        "%",
        "%2E",
        "~",
        "con",
        "nul",
        ".txt",
        "\n",
        "\u0001",
        "é",
      ],
      ...[
        "e\u0301",
        "\u0301",
        "日本",
        "🎉",
        "\u202e",
        "x",
        "A",
        "0123456789abcdef",
        "aux.",
        "\u0000",
      ],
      ...["y".repeat(80), "\u00a0", "\ufeff", "C", "lpt9", "\u1100\u1161", "\ud800", "K"],
    ];
    const safe = /^files\/ann(?:\/[^/]+)+$/;
    for (let count = 0; count < NAMES; count++) {
      let name = "";
      for (let left = random.int(1, 8); left > 0; left--) {
        name += random.bits() & 3 ? random.pick(parts) : String.fromCharCode(random.int(0, 0xffff));
      }
      const number = random.bits() & 7 ? 1 : random.int(2, 30);
      const path = originalPath("ann", name, number);
      const what = JSON.stringify({ name, path });
      assert.ok(safe.test(path), what);
      const components = path.split("/");
      for (const component of components) {
        if (component === "." || component === "..") assert.fail(what);
        if (component.length > 85 && new TextEncoder().encode(component).length > 255) {
          assert.fail(what);
        }
      }
      assert.ok(isOriginalPath(path), what);
      const back = originalName(path);
      if (back === undefined) assert.match(path, /~[0-9a-f]{16}(?:\/|$)/, what);
      else if (number === 1) assert.equal(back, name.toWellFormed().normalize("NFC"), what);
    }
  },
);
