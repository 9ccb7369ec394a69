import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { type Numbers, parseStrictJson } from "../../src/protocol/json.ts";
import { pure as test } from "../helpers/pure.ts";

const parse = (text: string, numbers?: Numbers) =>
  parseStrictJson(text, (object) => object, numbers);

function refuses(text: string): void {
  assert.throws(
    () => parse(text),
    (error) => error instanceof FxferError && error.code === "malformed_header",
    text.slice(0, 60),
  );
}

test("parseStrictJson() gives what JSON.parse gives", () => {
  for (
    const text of [
      "{}",
      ' {"a" : [1, {"b":"}{][:,\\"\\\\"}, null, true, false], "c":{"d":"\\u00e9\\ud83d\\ude00é😀"}} ',
      '{"a:b":":","":0,"\\"":9007199254740991}',
      '{"a":["x:y",[["z"]]]}',
      '{"toString":1,"hasOwnProperty":2,"proto":3}',
    ]
  ) assert.deepEqual(parse(text), JSON.parse(text), text);
});

test("S-FRM-1 numbers not written as plain integers become NaN", () => {
  const odd = ["-1", "-0", "1.5", "1.0", "1e3", "1E3", "0e0", "1e400", "9007199254740992"];
  odd.push("9007199254740993", "10000000000000000", "99999999999999999999", "1.05", "0.0");
  for (const source of odd) {
    assert.ok(Number.isNaN(parse(`{"a":${source}}`).a), source);
    assert.deepEqual(parse(`{"x":[${source} ,5],"b":7}`), { x: [NaN, 5], b: 7 }, source);
    assert.equal(parse(`{"a":${source}}`, "any").a, JSON.parse(source), source);
  }
  for (const source of ["0", "7", "1024", "123456789012345", "9007199254740991"]) {
    assert.equal(parse(`{"a":${source},"odd":-1}`).a, Number(source));
  }
});

test("S-FRM-1 a leading zero reaches a typed field as NaN and is refused elsewhere", () => {
  for (const source of ["01", "-01", "00", "007"]) {
    let seen: unknown;
    assert.throws(() => parseStrictJson(`{"b":1,"a":${source}}`, (object) => seen = object.a));
    assert.ok(Number.isNaN(seen), source);
    refuses(`{"a":${source}}`);
    assert.throws(() => parse(`{"a":${source}}`, "any"));
  }
  for (const bad of ["0x10", "+1", ".5", "1.", "1e", "--1", "1-1", "NaN", "Infinity", "01.1.1"]) {
    refuses(`{"a":${bad}}`);
  }
});

test("S-FRM-2 what is no JSON object is malformed", () => {
  for (
    const text of [
      "",
      " ",
      "[]",
      "1",
      '"a"',
      "null",
      "true",
      "{",
      "}",
      "{}}",
      "{]",
      '{"a"}',
      "{a:1}",
    ]
  ) refuses(text);
  for (const text of ['{"a":1,}', "{'a':1}", '{"a":1}{}', '{"a":"', '{"a":"\\', "﻿{}", "{}\0"]) {
    refuses(text);
  }
});

test("S-FRM-2 duplicate keys are malformed at any depth and however they are written", () => {
  refuses('{"a":1,"a":1}');
  refuses('{"a":1,"\\u0061":2}');
  refuses('{"s":{"id":1,"x":2,"id":3}}');
  refuses('{"s":[{"id":1,"id":-3}]}');
  refuses('{"a":{"b":1,"c":2},"a":1}');
  assert.deepEqual(parse('{"a":{"a":1},"b":[{"a":1},{"a":2}]}').a, { a: 1 });
});

test("S-FRM-2 nesting is allowed to 8 and never reaches the parser beyond", () => {
  const nested = (depth: number) => '{"a":' + "[".repeat(depth - 1) + "]".repeat(depth - 1) + "}";
  assert.ok(parse(nested(8)));
  refuses(nested(9));
  refuses(nested(10_000));
  refuses("[".repeat(100_000));
  assert.ok(parse('{"a":"' + "[{".repeat(5000) + '"}'));
});

test("S-FRM-2 NUL and half surrogate pairs are malformed in keys and texts", () => {
  for (const bad of ["\\u0000", "\\ud800", "\\udc00", "\\ude00\\ud83d", "x\\ud83dx"]) {
    refuses(`{"a":"${bad}"}`);
    refuses(`{"${bad}":1}`);
    refuses(`{"a":[{"b":["${bad}"]}]}`);
  }
  assert.deepEqual(parse('{"a":"\\\\u0000\\ud83d\\ude00"}'), { a: "\\u0000😀" });
});

test("S-FRM-3 forbidden keys are malformed at any depth and however they are written", () => {
  for (const key of ["__proto__", "constructor", "prototype", "\\u005f_proto__"]) {
    refuses(`{"${key}":1}`);
    refuses(`{"a":{"${key}":{}}}`);
    refuses(`{"a":[[{"${key}":-1}]]}`);
  }
  assert.deepEqual(parse('{"a":"__proto__","b":["constructor"]}').a, "__proto__");
});
