import assert from "node:assert/strict";
import { encodeReply, encodeRequest } from "../../src/protocol/mod.ts";
import { readHeader, readUsualHeader } from "../../src/protocol/header.ts";
import { parseStrictJson } from "../../src/protocol/json.ts";
import { pure } from "../helpers/pure.ts";
import { Random } from "../helpers/random.ts";
import { header, ID } from "./helpers.ts";

const firstLine = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split("\n")[0]!;
const line = (...fields: Parameters<typeof header>) => header(...fields).trimEnd();

const USUAL = [
  line({}, { data_size: "0", received: "0" }),
  firstLine(encodeRequest({
    ...{ id: ID, mode: "stateful", sequence: 9, action: "transfer", received: 7, sealed: true },
  })).replace(/\.{43}/, "a".repeat(43)),
  line(),
  line({ size: "999999999999999" }, { sequence: "0", data_size: "65536" }),
  line({ version: '"2.7"' }, { id: `"${ID}"`, mode: '"stateful"', action: '"connect"' }),
  JSON.stringify({
    version: "2.0",
    mime_type: "application/vnd.ms-excel.sheet+xml",
    size: 12,
    session: { id: ID, mode: "stateful", sequence: 7, action: "disconnect", data_size: 0 },
  }),
  firstLine(encodeRequest({ id: null, mode: "stateless", sequence: 1, action: "transfer" })),
  firstLine(
    encodeReply({ id: ID, mode: "stateful", sequence: 3, action: "heartbeat" }, { code: "pong" }),
  ),
];

pure("readUsualHeader() reads what encoders write, as the parser does", () => {
  for (const text of USUAL) {
    const read = readUsualHeader(text);
    assert.ok(read !== undefined, text);
    assert.deepEqual(read, parseStrictJson(text, readHeader));
  }
});

pure("readUsualHeader() leaves to the parser what is written in another way", () => {
  const others = [
    line({ mime_type: '"Image/PNG"' }),
    line({ mime_type: '"text/plain; charset=utf-8"' }),
    line({ mime_type: `"${"a".repeat(64)}/b"` }),
    line({ size: "9007199254740991" }),
    line({ size: "01" }),
    line({ size: "1e3" }),
    line({ size: "-0" }),
    line({ size: '"1"' }),
    line({ version: '"3.0"' }),
    line({ version: '"2.10"' }),
    line({ extra: "1" }),
    line({}, { id: `"${ID.toUpperCase()}"` }),
    line({}, { id: '"3f2b8c1e-9d4a-1c6b-8e1f-0a2b3c4d5e6f"' }),
    line({}, { mode: '"other"' }),
    line({}, { extra: "1" }),
    line({}, { data_size: "0", received: "null" }),
    line({}, { data_size: "0", received: "9007199254740991" }),
    `${line()} `,
    ` ${line()}`,
    line().replace('"size"', '"\\u0073ize"'),
    line().replace('"size"', '"size" '),
    '{"mime_type":"image/png","size":1}',
  ];
  for (const text of others) assert.equal(readUsualHeader(text), undefined, text);
});

pure("readUsualHeader() takes no text that the parser reads otherwise or refuses", () => {
  const random = new Random(0x4ead);
  let taken = 0;
  for (let i = 0; i < 50_000; i++) {
    let text = random.pick(USUAL);
    for (let changes = random.int(1, 2); changes > 0; changes--) {
      const at = random.int(0, text.length - 1);
      const piece = random.pick([...'0129.-+e"{}[]:, \\/_tn\u00e9', "", "null", '"size":1,']);
      text = text.slice(0, at) + piece + text.slice(at + random.int(0, 2));
    }
    const read = readUsualHeader(text);
    if (read === undefined) continue;
    taken++;
    assert.deepEqual(read, parseStrictJson(text, readHeader), text);
  }
  assert.ok(taken > 1000, `${taken} were read`);
});
