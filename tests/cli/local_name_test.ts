import assert from "node:assert/strict";
import { localComponents } from "../../src/cli/get/local_name.ts";
import { pure } from "../helpers/pure.ts";
import { Random } from "../helpers/random.ts";

pure("a name stays as it is where the system takes it", () => {
  const names = ["a/b c/ü😀.txt", "new\nline", "CON", "trailing. ", "%41", "back\\slash", "..."];
  for (const name of names) assert.equal(localComponents(name, false).join("/"), name);
});

pure("no name leads out of its folder", () => {
  assert.deepEqual(localComponents("../../etc/passwd", false), [
    "%2E%2E",
    "%2E%2E",
    "etc",
    "passwd",
  ]);
  assert.deepEqual(localComponents("/etc//./passwd", false), ["etc", "%2E", "passwd"]);
  assert.deepEqual(localComponents("//", false), ["%2F"]);
  assert.deepEqual(localComponents("..\\C:\\x", true), ["..%5CC%3A%5Cx"]);
  assert.deepEqual(localComponents("..", true), ["%2E%2E"]);
});

pure("on Windows a name is what Windows takes", () => {
  assert.deepEqual(localComponents("con/CON.txt/console/a./b /lpt1", true), [
    "%63on",
    "%43ON.txt",
    "console",
    "a%2E",
    "b%20",
    "%6Cpt1",
  ]);
  const random = new Random(3);
  const letters = ["a", "/", ".", "\\", ":", "C", "O", "N", " ", "\n", "*", "%", "ü"];
  for (let n = 0; n < 20_000; n++) {
    const name = Array.from({ length: random.int(0, 12) }, () => random.pick(letters)).join("");
    for (const windows of [true, false]) {
      for (const component of localComponents(name, windows)) {
        assert.ok(component !== "" && component !== "." && component !== "..", name);
        assert.ok(!/[/\0]/.test(component), name);
        if (!windows) continue;
        assert.ok(!/[\\:*?"<>|\n]|[. ]$/.test(component), `${name}: ${component}`);
        assert.ok(!/^(con|nul|aux|prn)(\.|$)/i.test(component), `${name}: ${component}`);
      }
    }
  }
});
