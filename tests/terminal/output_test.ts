import assert from "node:assert/strict";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { formatJsonLine, formatText } from "../../src/terminal/format.ts";
import { logSink, type Sink, TextStream } from "../../src/terminal/output.ts";
import { count, formatBytes, formatDuration, formatRate } from "../../src/text.ts";
import { Screen } from "../cli/screen.ts";

const pure = { permissions: "none" } as const;

const event = (fields: LogEvent["fields"], level: LogEvent["level"] = "info"): LogEvent => ({
  time: "2026-01-02T03:04:05.678Z",
  level,
  event: "transfer.stored",
  fields,
});

Deno.test("formatBytes() and formatRate() use binary units", pure, () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [10 * 1024 ** 2, "10.0 MiB"],
    [3 * 1024 ** 4, "3.0 TiB"],
    [2 ** 53 - 1, "8.0 PiB"],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  assert.equal(formatRate(1536.7), "1.5 KiB/s");
  assert.equal(formatRate(0.5), "0 B/s");
});

Deno.test("formatDuration() uses the two largest units", pure, () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0.0s"],
    [0.25, "0.3s"],
    [0.94, "0.9s"],
    [0.96, "1s"],
    [59.4, "59s"],
    [59.6, "1m00s"],
    [65, "1m05s"],
    [7384, "2h03m"],
    [86400 * 3 + 3600 * 4, "3d04h"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
  assert.deepEqual([count(0, "file"), count(1, "file"), count(2, "file")], [
    "0 files",
    "1 file",
    "2 files",
  ]);
});

Deno.test("formatText() writes one line of plain fields", pure, () => {
  assert.equal(
    formatText(event({ bytes: 3, path: "a/b.bin", ok: true, gone: undefined, at: null })),
    "2026-01-02T03:04:05.678Z info  transfer.stored bytes=3 path=a/b.bin ok=true at=null",
  );
  assert.equal(
    formatText(event({ name: "a b", list: [1, { x: 2 }], empty: "" })),
    '2026-01-02T03:04:05.678Z info  transfer.stored name="a b" list=[1,{"x":2}] empty=""',
  );
});

Deno.test("no field can end a log line, colour it or turn its direction", pure, () => {
  const nasty = "x\r\nfake line\u001b[31m\u202etxt\u2028\u0000\u009b";
  const cause = new Error(nasty, { cause: new Error(nasty) });
  for (
    const line of [
      formatText(event({ [nasty]: nasty, deep: { [nasty]: [nasty] }, cause })),
      formatText({ ...event({}), event: nasty, time: nasty }),
      formatJsonLine(event({ [nasty]: nasty, deep: { [nasty]: [nasty] }, cause })),
    ]
  ) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
  }
});

Deno.test("a JSON log line parses to the event, escapes and all", pure, () => {
  const name = "a\u202e\n\u001b😀";
  assert.deepEqual(JSON.parse(formatJsonLine(event({ name, n: 1 }))), {
    ts: "2026-01-02T03:04:05.678Z",
    level: "info",
    msg: "transfer.stored",
    name,
    n: 1,
  });
});

Deno.test("colours go to terminals only, and change nothing but colours", pure, () => {
  const colours = new Screen(true);
  const plain = new Screen(true);
  const pipe = new Screen(false);
  const given = event({ name: "a b" }, "warn");
  logSink(new TextStream(colours, { colour: true }), "text")(given);
  logSink(new TextStream(plain, { colour: false }), "text")(given);
  logSink(new TextStream(pipe, { colour: true }), "text")(given);
  const shown = colours.text.replaceAll("\x1b[", "<");
  assert.match(shown, /<33mwarn <0m/);
  assert.equal(shown.replaceAll(/<\d+m/g, ""), plain.text);
  assert.equal(plain.text, pipe.text);
});

Deno.test("logSink() survives fields that are no JSON", pure, () => {
  for (const format of ["text", "json"] as const) {
    const screen = new Screen();
    const log = createLogger(logSink(new TextStream(screen), format));
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    log.warn("odd.field", { circle });
    log.warn("odd.field", { nested: { big: 1n } });
    assert.equal(screen.lines.length, 2);
    for (const line of screen.lines) assert.match(line, /odd\.field.*unloggable/);
  }
});

Deno.test("a stream whose reader went away swallows the rest (EPIPE)", pure, () => {
  let writes = 0;
  const broken: Sink = {
    isTerminal: () => false,
    writeSync: () => {
      writes++;
      throw new Deno.errors.BrokenPipe("EPIPE");
    },
  };
  const stream = new TextStream(broken);
  stream.line("a");
  stream.line("b");
  assert.equal(writes, 1);
  assert.equal(stream.fault?.message, "EPIPE");
});

Deno.test(
  "a stream writes everything to a sink that takes a little at a time or blocks",
  pure,
  () => {
    let text = "";
    let calls = 0;
    const slow: Sink = {
      isTerminal: () => false,
      writeSync: (bytes) => {
        if (calls++ % 3 === 0) throw new Deno.errors.WouldBlock("EAGAIN");
        text += String.fromCharCode(bytes[0]!);
        return 1;
      },
    };
    new TextStream(slow).line("hello, slow world");
    assert.equal(text, "hello, slow world\n");
  },
);

Deno.test("lines on either stream of one terminal go above the status line", pure, () => {
  const screen = new Screen(true);
  const err = new TextStream(screen);
  const out = new TextStream(screen, {}, err);
  err.status("50%");
  out.line("result");
  err.line("warning");
  assert.equal(screen.visible, "result\nwarning\n50%");
  err.status("");
  out.line("end");
  assert.equal(screen.visible, "result\nwarning\nend\n");
});

Deno.test("a status line is not written where there is no terminal", pure, () => {
  const screen = new Screen(false);
  const stream = new TextStream(screen);
  stream.status("50%");
  stream.line("x");
  assert.equal(screen.text, "x\n");
});

/** A sink whose background writes do what the test says; it keeps what they wrote. */
function background(write: (bytes: Uint8Array) => Promise<number>) {
  const kept: string[] = [];
  const sink: Sink = {
    isTerminal: () => false,
    writeSync: () => assert.fail("the log waits for its reader"),
    write: async (bytes) => {
      const count = await write(bytes);
      kept.push(new TextDecoder().decode(bytes.subarray(0, count)));
      return count;
    },
  };
  return { sink, text: () => kept.join("") };
}

Deno.test(
  "a reader of the log that stands still costs lines, which are counted, and no time",
  pure,
  async () => {
    const reads = Promise.withResolvers<void>();
    const { sink, text } = background(({ length }) => reads.promise.then(() => length));
    const stream = new TextStream(sink);
    const log = createLogger(logSink(stream, "json"));
    const begun = performance.now();
    for (let n = 0; n < 20_000; n++) log.info("transfer.stored", { n, pad: "x".repeat(100) });
    assert.ok(performance.now() - begun < 3000);
    reads.resolve();
    await stream.flush();
    log.info("after.all");
    await stream.flush();
    const events = text().trimEnd().split("\n").map((line) => JSON.parse(line));
    const at = events.findIndex(({ msg }) => msg === "log.dropped");
    assert.equal(events[at].lines + at, 20_000);
    assert.deepEqual(
      events.slice(0, at).map(({ n }) => n),
      Array.from({ length: at }, (_, n) => n),
    );
    assert.deepEqual(events.slice(at + 1).map(({ msg }) => msg), ["after.all"]);
    assert.ok(at > 5000 && text().length < 3 << 20);
  },
);

Deno.test("a log whose disk was full goes on where it was, without a cut line", pure, async () => {
  let room = 30;
  const { sink, text } = background((bytes) => {
    if (room === 0) return Promise.reject(new Error("No space left on device (os error 28)"));
    const count = Math.min(room, bytes.length);
    room -= count;
    return Promise.resolve(count);
  });
  const stream = new TextStream(sink);
  const log = createLogger(logSink(stream, "json"));
  for (const event of ["one", "two", "three"]) log.info(event);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(text().length, 30);
  room = 10_000;
  await stream.flush();
  const events = text().trimEnd().split("\n").map((line) => JSON.parse(line).msg);
  assert.deepEqual(events, ["one", "two", "three"]);
});

Deno.test(
  "a log whose reader has gone is not written any more, and the end does not wait",
  pure,
  async () => {
    let writes = 0;
    const { sink } = background(() => {
      writes++;
      return Promise.reject(new Deno.errors.BrokenPipe("EPIPE"));
    });
    const stream = new TextStream(sink);
    const log = createLogger(logSink(stream, "text"));
    log.info("one");
    await stream.flush();
    log.info("two");
    stream.line("three");
    await stream.flush();
    assert.equal(writes, 1);
  },
);

Deno.test("a command's own line behind lines of the log keeps its place", pure, async () => {
  const { sink, text } = background(({ length }) => Promise.resolve(length));
  const stream = new TextStream(sink);
  createLogger(logSink(stream, "text")).info("first");
  stream.line("second");
  await stream.flush();
  assert.match(text(), /first\nsecond\n$/);
});

Deno.test("a stream whose disk was full for a moment is not mute for good", pure, () => {
  let full = true;
  let text = "";
  const stream = new TextStream({
    isTerminal: () => false,
    writeSync: (bytes) => {
      if (full) throw new Error("No space left on device (os error 28)");
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  });
  stream.line("lost");
  full = false;
  stream.line("there");
  assert.equal(text, "there\n");
});

Deno.test(
  "a line of the log is written without another one behind it, whenever it comes",
  pure,
  async () => {
    const { sink, text } = background(({ length }) => Promise.resolve(length));
    const log = createLogger(logSink(new TextStream(sink), "text"));
    // The line comes this many turns after the one before it, also when the queue has just run empty.
    for (let turns = 0; turns < 30; turns++) {
      log.info("before");
      for (let turn = 0; turn < turns; turn++) await undefined;
      log.info(`event.${turns}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      assert.match(text(), new RegExp(`event\\.${turns}\n$`));
    }
  },
);

Deno.test("a terminal that cannot erase a line gets lines alone, without colours", pure, () => {
  const screen = new Screen(true);
  const stream = new TextStream(screen, { colour: true, redraws: false });
  assert.deepEqual([stream.terminal, stream.redraws, stream.colour], [true, false, false]);
  stream.status("50%");
  stream.line("x");
  stream.status("");
  assert.equal(screen.text, "x\n");
});

Deno.test(
  "a status line that was never shown is not erased, and one that stays is not redrawn",
  pure,
  () => {
    const screen = new Screen(true);
    const stream = new TextStream(screen);
    stream.status("");
    assert.equal(screen.text, "");
    stream.status("50%");
    stream.status("50%");
    assert.equal(screen.writes.length, 1);
  },
);
