import assert from "node:assert/strict";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame, frameV1, utf8 } from "../helpers/raw_frame.ts";

/** Lines of results, without the end of the last. */
const lines = (text: string): string[] => text.trimEnd().split("\n");

Deno.test("S-VER-3 a v1 client that sends 20 files and closes without reading has all 20 stored", async () => {
  await using run = await InProcess.start();
  const random = new Random(20);
  const files = Array.from({ length: 20 }, () => random.bytes(50_000));
  using peer = await run.open();
  for (const file of files) await peer.send(frameV1(file));
  peer.close();
  await run.idle();
  await run.assertStored(...files);
});

Deno.test("S-VER-3 eof: nothing is written before the end was read, then a line for each file", async () => {
  await using run = await InProcess.start({ maxRequestSize: 1000 });
  using peer = await run.open();
  await peer.send(frameV1(utf8("one")), frameV1(new Uint8Array(1001)), frameV1(utf8("two")));
  await assert.rejects(peer.line(200), /nothing came/);
  await run.idle();

  using again = await run.open();
  await again.send(frameV1(utf8("one")), frameV1(new Uint8Array(1001)), frameV1(utf8("two")));
  await again.halfClose();
  const results = lines(await again.rest());
  assert.equal(results.length, 3);
  assert.match(results[0]!, /^OK received_[0-9a-f]{16,}\.bin$/);
  assert.match(results[1]!, /^ERROR /);
  assert.match(results[2]!, /^OK /);
});

Deno.test("S-VER-3 each: the older way, a line after each file", async () => {
  await using run = await InProcess.start({ v1Ack: "each" });
  using peer = await run.open();
  for (const text of ["one", "two"]) {
    await peer.send(frameV1(utf8(text)));
    assert.equal(await peer.line(), "OK");
  }
  await peer.halfClose();
  assert.equal(await peer.rest(), "");
  await run.assertStored(utf8("one"), utf8("two"));
});

Deno.test("S-VER-3 never: not a byte is written", async () => {
  await using run = await InProcess.start({ v1Ack: "never" });
  using peer = await run.open();
  await peer.send(frameV1(utf8("one")), "{broken\n");
  await peer.halfClose();
  assert.equal(await peer.rest(), "");
  await run.assertStored(utf8("one"));
});

Deno.test("S-VER-3 of a v1 file that breaks off nothing is published, the ones before stay", async () => {
  await using run = await InProcess.start();
  const broken = frameV1(new Random(1).bytes(300_000));
  using peer = await run.open();
  await peer.send(concat(frameV1(utf8("whole")), broken.subarray(0, -1)));
  await peer.halfClose();
  const results = lines(await peer.rest());
  assert.match(results[0]!, /^OK /);
  assert.match(results[1]!, /^ERROR /);
  assert.equal(results.length, 2);
  await run.assertStored(utf8("whole"));
});

Deno.test("S-VER-4 v1 off: closed without storing anything", async () => {
  await using run = await InProcess.start({ v1: false });
  using peer = await run.open();
  await peer.send(frameV1(utf8("one")), frameV1(utf8("two")));
  await peer.halfClose();
  assert.match(await peer.rest(), /^ERROR [^\n]+\n$/);
  await run.assertStored();
  using modern = await run.open();
  expectCode(await modern.stateless("x"), "ok");
});

Deno.test("S-VER-1 one connection speaks one version", async () => {
  await using run = await InProcess.start();
  using modern = await run.open();
  await modern.send(frame({ payload: "two" }), frameV1(utf8("one")));
  expectCode(await modern.reply(), "ok");
  expectCode(await modern.reply(), "protocol_error");
  using older = await run.open();
  await older.send(frameV1(utf8("one")), frame({ payload: "two" }));
  await older.halfClose();
  const results = lines(await older.rest());
  assert.match(results[0]!, /^OK /);
  assert.match(results[1]!, /^ERROR /);
  await run.assertStored(utf8("two"), utf8("one"));
});

Deno.test("a v1 file in mid-payload at a stop is finished, and its result is sent", async () => {
  await using run = await InProcess.start();
  const file = new Random(2).bytes(400_000);
  const bytes = frameV1(file);
  using peer = await run.open();
  await peer.send(bytes.subarray(0, 100_000));
  await run.receiving();
  const stopped = run.server.shutdown();
  await peer.send(bytes.subarray(100_000));
  await peer.halfClose();
  assert.match(await peer.rest(), /^OK /);
  peer.close();
  await stopped;
  await run.assertStored(file);
});
