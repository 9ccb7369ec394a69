import assert from "node:assert/strict";
import {
  createRandomHex,
  isFinalPath,
  isoTime,
  isTemporaryPath,
  sessionName,
  sessionOf,
  simpleName,
  temporaryName,
  timestamp,
} from "../../src/storage/naming.ts";
import { pure } from "../helpers/pure.ts";

const ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

pure("isoTime() is what Date.toISOString() says, whatever was asked before", () => {
  for (
    const time of [0, 999, 1000, 1_795_396_029_215, 1_795_396_029_216, 61_000, 5, 951_782_399_999]
  ) {
    assert.equal(isoTime(time), new Date(time).toISOString());
  }
});

pure("timestamp() is UTC with milliseconds and sorts as text", () => {
  assert.equal(timestamp(Date.UTC(2026, 10, 23, 10, 11, 12, 345)), "20261123T101112345");
  assert.equal(timestamp(0), "19700101T000000000");
});

pure("simpleName() has 32 random hex digits and never repeats", () => {
  const hex = createRandomHex();
  const names = new Set<string>();
  for (let i = 0; i < 5000; i++) names.add(simpleName(hex, "png"));
  assert.equal(names.size, 5000);
  for (const name of names) assert.match(name, /^received_[0-9a-f]{32}\.png$/);
});

pure("sessionName() holds the session, the sequence and the time", () => {
  const path = sessionName({ id: ID, sequence: 12 }, 0, "txt");
  assert.equal(path, `session_${ID}/file_12_19700101T000000000.txt`);
  assert.deepEqual(sessionOf(path), { id: ID, sequence: 12 });
  assert.equal(sessionOf("received_0123456789abcdef.png"), undefined);
});

pure("sessionName() refuses an id that is no id", () => {
  for (const id of ["", "..", "../x", "a/b", "a\\b", "a\0", "x".repeat(65)]) {
    assert.throws(() => sessionName({ id, sequence: 1 }, 0, "bin"), TypeError);
  }
});

pure("isFinalPath() knows what is made here and nothing else", () => {
  const hex = createRandomHex();
  assert.ok(isFinalPath(simpleName(hex, "tar")));
  assert.ok(isFinalPath(sessionName({ id: ID, sequence: 1 }, Date.now(), "bin")));
  assert.ok(isTemporaryPath(temporaryName(hex)));
  const wrong = [
    "",
    "commits.jsonl",
    "/etc/passwd",
    "../received_0123456789abcdef.png",
    "received_0123456789abcdef.png/../x",
    "received_0123456789abcdef",
    "received_0123456789ABCDEF.png",
    "received_0123456789abcdef.png\n",
    `session_${ID}/../file_1_20261123T101112345.png`,
    `session_${ID}\\file_1_20261123T101112345.png`,
    `./session_${ID}/file_1_20261123T101112345.png`,
    ".incoming/0123456789abcdef.part",
  ];
  for (const path of wrong) assert.equal(isFinalPath(path), false, path);
  for (const path of [".incoming/../x.part", ".incoming/0123456789abcdef.part/x", "x.part"]) {
    assert.equal(isTemporaryPath(path), false, path);
  }
});
