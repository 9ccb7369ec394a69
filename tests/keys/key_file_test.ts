/** Keys as text, and the file of keys. @module */
import assert from "node:assert/strict";
import {
  formatKey,
  formatKeyLine,
  mustBePrivate,
  newKey,
  parseDate,
  parseKey,
  parseKeyFile,
} from "../../src/keys/mod.ts";

const pure = { permissions: "none" } as const;

const alice = formatKey({ name: "alice", secret: new Uint8Array(32).fill(7) });
const bob = formatKey({ name: "bob", secret: new Uint8Array(32).fill(8) });

Deno.test("S-KEY-1 a key is its name and 43 characters, and reads back", pure, () => {
  const key = newKey("build-7");
  const text = formatKey(key);
  assert.match(text, /^fxfer_build-7_[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(parseKey(text), key);
  assert.notEqual(formatKey(newKey("build-7")), text);
});

Deno.test("S-KEY-1 what is no key is refused, and never repeated", pure, () => {
  const secret = "A".repeat(43);
  for (
    const text of [
      "",
      `fxfer_alice_${secret.slice(1)}`,
      `fxfer_alice_${secret}A`,
      `fxfer_Alice_${secret}`,
      `fxfer_-a_${secret}`,
      `fxfer_public_${secret}`,
      `fxfer_con_${secret}`,
      `fxfer__${secret}`,
      `xfer_alice_${secret}`,
      `fxfer_alice_${secret.slice(1)}=`,
      `fxfer_alice_${secret.slice(1)}B`, // two bits that no byte has
      ` fxfer_alice_${secret}`,
    ]
  ) {
    assert.throws(() => parseKey(text), (error: Error) => {
      assert.ok(!error.message.includes("AAAA"), error.message);
      return (error as { code?: string }).code === "usage";
    }, text);
  }
  for (const name of ["", "A", "a_b", "a".repeat(33), "a-", "nul", "a/b", ".."]) {
    assert.throws(() => newKey(name), { code: "usage" }, name);
  }
});

Deno.test("a file of keys says of each user what it may and how much", pure, () => {
  const text = `# users\n\n${alice} can=get,put quota=10GiB files=1000 rate=5MiB connections=2 ` +
    `sessions=3 until=2027-01-31\r\n  ${bob} can=all\n`;
  const [first, second, ...more] = parseKeyFile(text, "keys");
  assert.deepEqual(more, []);
  assert.deepEqual(first!.can, ["put", "get"]);
  assert.deepEqual(first!.limits, {
    bytes: 10 * 2 ** 30,
    files: 1000,
    rate: 5 * 2 ** 20,
    connections: 2,
    sessions: 3,
  });
  assert.equal(first!.until, Date.UTC(2027, 0, 31));
  assert.deepEqual(second!.can, ["put", "get", "list", "remove", "all"]);
  for (const line of [first!, second!]) {
    assert.deepEqual(parseKeyFile(formatKeyLine(line), "keys"), [line]);
  }
});

Deno.test("a rotated key keeps the old one until its time", pure, () => {
  const old = { secret: new Uint8Array(32).fill(9), until: Date.UTC(2026, 11, 1, 12) };
  const line = { key: parseKey(alice), can: ["put"] as const, limits: {}, old };
  assert.deepEqual(parseKeyFile(formatKeyLine(line), "keys"), [line]);
});

Deno.test("a fault of the file is one sentence with its line, and without the secret", pure, () => {
  const faults: readonly (readonly [string, RegExp])[] = [
    [`${alice}\n${bob}\n${alice} can=put`, /line 3: alice has a key in line 1 already/],
    ["secret", /line 1: it must begin with a whole key/],
    [`${alice.slice(0, -1)}`, /line 1: it must begin with a whole key/],
    [`${alice} cna=put`, /line 1: .*did you mean can\?/],
    [`${alice} ${bob}`, /line 1: after the key come fields/],
    [`${alice} can=put can=get`, /line 1: can stands there twice/],
    [`${alice} can=write`, /line 1: can must be some of put, get, list, remove, all/],
    [`${alice} quota=0`, /line 1: quota must be a size such as 10GiB/],
    [`${alice} quota=lots`, /line 1: quota must be a size/],
    [`${alice} files=1.5`, /line 1: files must be a number of files/],
    [`${alice} until=tomorrow`, /line 1: until must be a date such as 2027-01-31/],
    [`${alice} old=${alice}`, /line 1: old and old_until go together/],
    [`${alice} old=${bob} old_until=2027-01-01`, /line 1: old is another user's key/],
  ];
  for (const [text, message] of faults) {
    assert.throws(() => parseKeyFile(text, "my.keys"), (error: Error) => {
      assert.match(error.message, message);
      assert.match(error.message, /^Cannot use my\.keys: /);
      assert.ok(!/BwcHBw|CAgICA/.test(error.message), error.message);
      return true;
    });
  }
});

Deno.test(
  "S-KEY-1 a file that others may read is refused with the command that helps",
  pure,
  () => {
    for (const mode of [0o600, 0o400, 0o100600, null]) mustBePrivate(mode, "k");
    for (const mode of [0o640, 0o604, 0o644, 0o660, 0o601, 0o100644]) {
      assert.throws(
        () => mustBePrivate(mode, "k"),
        /others may read it.*chmod 600 k/,
        mode.toString(8),
      );
    }
  },
);

Deno.test("a date is a day in UTC, or a time", pure, () => {
  assert.equal(parseDate("2027-01-31"), Date.UTC(2027, 0, 31));
  assert.equal(parseDate("2027-01-31T10:00"), Date.UTC(2027, 0, 31, 10));
  assert.equal(parseDate("2027-01-31T10:00:00+02:00"), Date.UTC(2027, 0, 31, 8));
  for (const text of ["", "2027", "31.1.2027", "2027-13-01", "2027-1-1", "now"]) {
    assert.equal(parseDate(text), undefined, text);
  }
});
