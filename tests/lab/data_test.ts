import assert from "node:assert/strict";
import { toCsv } from "../../src/lab/data.ts";
import { randomBytes, randomFrom } from "../../src/lab/random.ts";

Deno.test("toCsv() writes the names first, quotes what needs it, and leaves missing values empty", {
  permissions: "none",
}, () => {
  const rows = [
    { way: 'a "b", c', seconds: 0.5, failed: null },
    { way: "two\nlines", seconds: 2, failed: 0 },
  ];
  assert.equal(
    toCsv(rows),
    'way,seconds,failed\r\n"a ""b"", c",0.5,\r\n"two\nlines",2,0\r\n',
  );
});

Deno.test(
  "randomFrom() gives the same numbers for a seed, from 0 to below 1, and others for another",
  {
    permissions: "none",
  },
  () => {
    const some = (seed: number) => {
      const random = randomFrom(seed);
      return Array.from({ length: 1000 }, random);
    };
    assert.deepEqual(some(7), some(7));
    assert.notDeepEqual(some(7), some(8));
    assert.ok(some(7).every((number) => number >= 0 && number < 1));
    const mean = some(7).reduce((sum, number) => sum + number, 0) / 1000;
    assert.ok(Math.abs(mean - 0.5) < 0.05, String(mean));
    assert.deepEqual(randomBytes(100, 3), randomBytes(100, 3));
    assert.notDeepEqual(randomBytes(100, 3), randomBytes(100, 4));
    assert.ok(new Set(randomBytes(1000, 3)).size > 200);
  },
);
