import assert from "node:assert/strict";
import { moduleText, plainText } from "../../../src/cli/help/plain_text.ts";

const pure = { permissions: "none" } as const;

const MARKDOWN = `\
# What is sent, and \`how\`

A paragraph with **bold words**, *slanted* ones, {@linkcode Decoder}, {@link Encoder | the encoder}
and a [link](mod.ts); \`**code**\` stays, and so do *.ts, 2 * 3 and 0\\|1.

## Rules

- A-1 The first rule is long enough that its words do not fit into one line of eighty columns.
- A-2 The second
  goes on.
  1. A list in it.

\`\`\`json
{"a": 1,
 "b": "**2**"}
\`\`\`

| name | value |
| ---- | ----: |
| \`a\\|b\` | one |
| | a text that is longer than what is left of the line, so that it is broken into two |

| class | what the client does with it | which codes have it |
| --- | --- | --- |
| retry | sends the same frame again after the time that the reply says, with jitter | busy, rate_limited |
| fatal | stops | too_large |
`;

const PLAIN = `\
What is sent, and \`how\`
=======================

A paragraph with bold words, slanted ones, Decoder, the encoder and a link
(mod.ts); \`**code**\` stays, and so do *.ts, 2 * 3 and 0|1.

Rules
-----

- A-1 The first rule is long enough that its words do not fit into one line of
  eighty columns.
- A-2 The second goes on.
  1. A list in it.

  {"a": 1,
   "b": "**2**"}

  name   value
  -----  -----------------------------------------------------------------------
  \`a|b\`  one
         a text that is longer than what is left of the line, so that it is
         broken into two

  retry
    what the client does with it: sends the same frame again after the time
      that the reply says, with jitter
    which codes have it: busy, rate_limited
  fatal
    what the client does with it: stops
    which codes have it: too_large`;

Deno.test("plainText() shows headings, lists, tables and code without markup", pure, () => {
  assert.equal(plainText(MARKDOWN), PLAIN);
});

Deno.test("plainText() breaks every line but code at the width it is given", pure, () => {
  for (const width of [40, 60, 80, 100]) {
    const lines = plainText(MARKDOWN, width).split("\n");
    assert.deepEqual(lines.filter((line) => line.length > width), []);
  }
});

Deno.test("moduleText() is the module's doc comment without its stars and its tag", pure, () => {
  const source = `/**\n * # Title\n *\n * - one\n *   two\n *\n * @module\n */\nexport {};\n`;
  assert.equal(moduleText(source), "# Title\n\n- one\n  two");
  assert.throws(() => moduleText("/** One. */\nexport {};\n"), RangeError);
});
