import assert from "node:assert/strict";
import { editDistance, escapeControls, hideKeys, shorten, suggest } from "../src/text.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "editDistance() counts inserts, deletes, replacements and swaps as one each",
  pure,
  () => {
    const cases: readonly (readonly [string, string, number])[] = [
      ["", "", 0],
      ["", "abc", 3],
      ["port", "port", 0],
      ["prot", "port", 1],
      ["por", "port", 1],
      ["pports", "port", 2],
      ["kitten", "sitting", 3],
      ["ca", "abc", 3],
    ];
    for (const [a, b, distance] of cases) {
      assert.equal(editDistance(a, b), distance, `${a} ${b}`);
      assert.equal(editDistance(b, a), distance, `${b} ${a}`);
    }
  },
);

Deno.test(
  "suggest() finds the nearest, ignores case and hyphens, and is silent when none is near",
  pure,
  () => {
    const words = ["port", "host", "max_sessions", "mode"];
    assert.equal(suggest("prot", words), "port");
    assert.equal(suggest("hots", words), "host");
    assert.equal(suggest("Max-Session", words), "max_sessions");
    assert.equal(suggest("x", words), undefined);
    assert.equal(suggest("banana", words), undefined);
    assert.equal(suggest("m".repeat(1_000_000), words), undefined);
  },
);

Deno.test(
  "escapeControls() shows ANSI, line ends, bidi and invisible marks, and keeps other text",
  pure,
  () => {
    const cases: readonly (readonly [string, string])[] = [
      ["plain täxt 文字 😀", "plain täxt 文字 😀"],
      ["a\r\nb\tc\0", "a\\r\\nb\\tc\\u0000"],
      ["\u001b[31mred\u009b", "\\u001b[31mred\\u009b"],
      ["\u202egnp.exe\u2066\u200b\ufeff", "\\u202egnp.exe\\u2066\\u200b\\ufeff"],
      ["\u2028\u2029", "\\u2028\\u2029"],
      ["نمی\u200cدانم 👩\u200d🚀", "نمی\u200cدانم 👩\u200d🚀"],
      ["lone \ud83d surrogate", "lone \\ud83d surrogate"],
    ];
    for (const [text, shown] of cases) assert.equal(escapeControls(text), shown);
  },
);

Deno.test("shorten() cuts by characters, not by halves of them", pure, () => {
  assert.equal(shorten("abc", 3), "abc");
  assert.equal(shorten("abcd", 3), "ab…");
  assert.equal(shorten("😀😀😀", 3), "😀😀😀");
  assert.equal(shorten("😀😀😀😀", 3), "😀😀…");
  assert.equal(shorten("\n".repeat(9), 5), "\\n\\n…");
});

Deno.test("hideKeys() leaves of a key whose it is, and leaves names of files alone", pure, () => {
  const key = `fxfer_alice_${"x_-".repeat(14)}A`;
  assert.equal(
    hideKeys(`fxfers://${key}@host, ${key}.`),
    "fxfers://fxfer_alice_…@host, fxfer_alice_….",
  );
  for (const length of [20, 40, 50]) {
    assert.equal(hideKeys(shorten(`a ${key}`, length)), "a fxfer_alice_…");
  }
  assert.equal(hideKeys("fxfer_backup_2026-11-26.tar"), "fxfer_backup_2026-11-26.tar");
});
