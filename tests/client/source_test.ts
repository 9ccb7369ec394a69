import assert from "node:assert/strict";
import { fileSource } from "../../src/client/mod.ts";
import { frameSourceOf } from "../../src/client/frame_source.ts";
import { pure } from "../helpers/pure.ts";
import { mkfifo } from "../helpers/ran.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";
import { code, pattern } from "./scripted_peer.ts";
import { streamOf } from "./helpers.ts";

Deno.test("fileSource() reads at any offset, to the end, and opens again after close", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("a");
  const bytes = pattern(1000);
  await Deno.writeFile(path, bytes);
  const source = await fileSource(path);
  assert.equal(source.size, 1000);
  const into = new Uint8Array(100);
  for (const offset of [0, 900, 100, 950]) {
    const count = await source.read(into, offset);
    assert.equal(count, Math.min(100, 1000 - offset));
    assert.deepEqual(into.subarray(0, count), bytes.subarray(offset, offset + count));
    if (offset === 100) source.close!();
  }
  assert.equal(await source.read(into, 1000), null);
  source.close!();
});

Deno.test("a pipe that was closed before it had a writer takes no bytes of its next reader", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await TempDir.make();
  const path = folder.join("pipe");
  await mkfifo(path);
  for (let n = 0; n < 8; n++) {
    const [first, second] = [await fileSource(path), await fileSource(path)];
    const given = first.read(new Uint8Array(10), 0);
    given.catch(() => {});
    first.close!();
    const waiting = second.read(new Uint8Array(10), 0);
    {
      using writer = await Deno.open(path, { write: true });
      await writer.write(pattern(10));
    }
    assert.equal(await waiting, 10);
    await assert.rejects(given, code("local_io"));
    second.close!();
  }
});

Deno.test("a source without a size that is closed is not read, and so not opened, again", async () => {
  let reads = 0;
  const read = () => Promise.resolve(++reads);
  const source = frameSourceOf({ size: undefined, read, close: () => {} });
  source.close();
  await assert.rejects(source.read(new Uint8Array(10), 0), code("interrupted"));
  assert.equal(reads, 0);
});

Deno.test("fileSource() notices another size and another time of change", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("a");
  // A file that was changed just now may be changed again within the same step of the clock.
  await until(async () => {
    await Deno.writeFile(path, pattern(10));
    const fresh = await fileSource(path);
    const changed = await fresh.changed!();
    fresh.close!();
    return changed;
  }, "a look at a file just after its change");
  await Deno.utime(path, 1000, 1000);
  const source = await fileSource(path);
  assert.equal(await source.changed!(), false);
  await Deno.utime(path, 1000, 2000);
  assert.equal(await source.changed!(), true);
  await Deno.writeFile(path, pattern(1), { append: true });
  await Deno.utime(path, 1000, 1000);
  assert.equal(await source.changed!(), true);
  source.close!();
});

Deno.test("fileSource() says what cannot be read: local_io with its cause", async () => {
  await using folder = await TempDir.make();
  const error = await fileSource(folder.join("none")).catch((error) => error);
  assert.equal(error.code, "local_io");
  assert.ok(error.cause instanceof Deno.errors.NotFound);
  await assert.rejects(fileSource(folder.path), code("local_io"));
});

pure("a feed of known size cuts on a grid, from whatever offset it starts", () => {
  const source = frameSourceOf(pattern(2500));
  const spans = [0, 1, 999, 1000, 2000, 2499, 2500].map((offset) => source.span(offset, 1000));
  assert.deepEqual(spans.map((span) => [span?.end, span?.last]), [
    [1000, false],
    [1000, false],
    [1000, false],
    [2000, false],
    [2500, true],
    [2500, true],
    [2500, true],
  ]);
  assert.deepEqual(frameSourceOf(new Uint8Array()).span(0, 1000), { end: 0, last: true });
  return Promise.resolve();
});

pure(
  "a gathering feed makes full chunks and knows its last, however the stream is cut",
  async () => {
    for (const sizes of [[2500], [1, 999, 1000, 500], [700, 700, 700, 400], [0, 2500, 0]]) {
      const bytes = pattern(2500);
      let at = 0;
      const source = frameSourceOf(streamOf(...sizes.map((size) => bytes.slice(at, at += size))));
      const spans: unknown[] = [];
      for (let offset = 0; offset < 2500;) {
        assert.equal(source.span(offset, 1000), undefined);
        await source.prepare(offset, 1000);
        const span = source.span(offset, 1000)!;
        assert.deepEqual(source.view(offset, span.end - offset), bytes.subarray(offset, span.end));
        spans.push([span.end, span.last]);
        offset = span.end;
      }
      assert.deepEqual(spans, [[1000, false], [2000, false], [2500, true]], sizes.join());
    }
  },
);

pure("a gathering feed keeps what is unanswered, and says when more is wanted", async () => {
  const bytes = pattern(3000);
  const source = frameSourceOf(streamOf(bytes));
  for (const offset of [0, 1000, 2000]) await source.prepare(offset, 1000);
  source.release(1500);
  assert.deepEqual(source.view(1500, 500), bytes.subarray(1500, 2000));
  assert.deepEqual(source.span(3000, 1000), { end: 3000, last: true });
  assert.equal(source.span(0, 1000), undefined);
  await assert.rejects(source.prepare(0, 1000), code("local_io"));
});

pure("an empty stream is one empty last chunk", async () => {
  const source = frameSourceOf(streamOf());
  await source.prepare(0, 1000);
  assert.deepEqual(source.span(0, 1000), { end: 0, last: true });
});

pure("a source without a size is read once, to its end", async () => {
  const bytes = pattern(150_000);
  let closed = 0;
  const source = frameSourceOf({
    size: undefined,
    read: (into, offset) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return Promise.resolve(part.length || null);
    },
    close: () => closed++,
  });
  await source.prepare(0, 100_000);
  await source.prepare(100_000, 100_000);
  assert.deepEqual(source.span(100_000, 100_000), { end: 150_000, last: true });
  source.close();
  assert.equal(closed, 1);
});

pure("closing a feed cancels its stream, and a pending read is no end of file", async () => {
  let reason: unknown;
  const source = frameSourceOf(new ReadableStream({ cancel: (why) => void (reason = why) }));
  const preparing = source.prepare(0, 1000);
  source.close("enough");
  await assert.rejects(preparing, code("interrupted"));
  assert.equal(reason, "enough");
});

pure("a stream that fails or gives no bytes is local_io", async () => {
  const failing = frameSourceOf(new ReadableStream({ pull: (c) => c.error(new Error("disk")) }));
  await assert.rejects(failing.prepare(0, 1000), code("local_io"));
  const text = new ReadableStream({ pull: (c) => c.enqueue("text") });
  await assert.rejects(frameSourceOf(text as never).prepare(0, 1000), code("local_io"));
});
