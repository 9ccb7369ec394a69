import assert from "node:assert/strict";
import { TextStream } from "../../src/terminal/output.ts";
import {
  percent,
  ProgressLine,
  type ProgressState,
  RateMeter,
  renderProgress,
} from "../../src/terminal/progress.ts";
import { displayWidth, fit, pad } from "../../src/terminal/width.ts";
import { Screen } from "../cli/screen.ts";

const pure = { permissions: "none" } as const;
const MIB = 1024 * 1024;

const HALF: ProgressState = {
  label: "holiday.mov",
  bytes: 5 * MIB,
  total: 10 * MIB,
  rate: MIB,
};

Deno.test("renderProgress() shows name, percent, bar, bytes, rate and time left", pure, () => {
  assert.equal(
    renderProgress(HALF, 90),
    "holiday.mov   50% [############------------]  5.0 MiB / 10.0 MiB  1.0 MiB/s  5s left",
  );
});

Deno.test("what does not fit goes in order: bar, time left, rate, bytes, name", pure, () => {
  const at = (columns: number) => renderProgress(HALF, columns);
  assert.equal(at(60), "holiday.mov   50%  5.0 MiB / 10.0 MiB  1.0 MiB/s  5s left");
  assert.equal(at(50), "holiday.mov   50%  5.0 MiB / 10.0 MiB  1.0 MiB/s");
  assert.equal(at(38), "holiday.…   50%  5.0 MiB / 10.0 MiB");
  assert.equal(at(20), "holiday…   50%");
  assert.equal(at(8), " 50%");
  assert.equal(at(3), "50%");
  assert.equal(at(0), "");
});

Deno.test(
  "a progress line never exceeds the columns, whatever the name and the numbers",
  pure,
  () => {
    const labels = [
      "",
      "a",
      "x".repeat(300),
      "夏休みの写真アルバム".repeat(9),
      "👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈🇨🇭".repeat(9),
      "e\u0301".repeat(50),
      "a\r\n\u001b[2J\u202e.txt",
      "1️⃣☎️",
      "\ud83d",
    ];
    const numbers: Omit<ProgressState, "label">[] = [
      { bytes: 0 },
      { bytes: 0, total: 0 },
      { bytes: 2 ** 53 - 1, rate: 1e15 },
      { bytes: 1, total: 2 ** 53 - 1, rate: 0.001 },
      { bytes: 1000, total: 1024, rate: 3 },
      { bytes: 12, total: 10, rate: 0 },
    ];
    for (const label of labels) {
      for (const state of numbers) {
        for (let columns = 0; columns <= 130; columns++) {
          const line = renderProgress({ label, ...state }, columns);
          assert(displayWidth(line) <= columns, `${columns}: ${line}`);
          // deno-lint-ignore no-control-regex
          assert.doesNotMatch(line, /[\u0000-\u001f\u202e]|[\ud800-\udfff]/u);
        }
      }
    }
  },
);

Deno.test("without a total there is no percent, bar or time left", pure, () => {
  assert.equal(
    renderProgress({ label: "-", bytes: 2048, rate: 512 }, 80),
    "-  2.0 KiB  512 B/s",
  );
});

Deno.test("100 percent is shown only when all is there", pure, () => {
  assert.equal(percent({ label: "", bytes: 999_999, total: 1_000_000 }), 99);
  assert.equal(percent({ label: "", bytes: 10, total: 10 }), 100);
  assert.equal(percent({ label: "", bytes: 0, total: 0 }), 100);
  assert.equal(percent({ label: "", bytes: 11, total: 10 }), 100);
  assert.equal(percent({ label: "", bytes: 5 }), undefined);
});

Deno.test("a time left of days is not shown", pure, () => {
  assert.doesNotMatch(renderProgress({ ...HALF, rate: 1 }, 90), /left/);
  assert.match(renderProgress({ ...HALF, rate: 1024 }, 90), /1h25m left/);
});

Deno.test(
  "displayWidth() counts wide and combined characters; fit() cuts between them",
  pure,
  () => {
    const cases: readonly (readonly [string, number])[] = [
      ["abc", 3],
      ["文字", 4],
      ["e\u0301", 1],
      ["😀", 2],
      ["👩‍🚀", 2],
      ["🇨🇭", 2],
      ["ｆ", 2],
      ["한", 2],
      ["ñandú", 5],
    ];
    for (const [text, width] of cases) assert.equal(displayWidth(text), width, text);
    assert.equal(fit("文字文字", 5), "文字…");
    assert.equal(fit("文字文字", 4), "文…");
    assert.equal(fit("文字", 4), "文字");
    assert.equal(fit("👩‍🚀👩‍🚀", 3), "👩‍🚀…");
    assert.equal(fit("abc", 1), "…");
    assert.equal(fit("abc", 0), "");
    assert.equal(pad("文", 4), "文  ");
  },
);

Deno.test(
  "RateMeter smooths, ignores short spans, and starts again when bytes go back",
  pure,
  () => {
    const meter = new RateMeter();
    meter.add(5000, 0);
    assert.equal(meter.rate, undefined);
    meter.add(5050, 50);
    assert.equal(meter.rate, undefined);
    meter.add(6000, 1000);
    assert.equal(meter.rate, 1000);
    meter.add(16000, 2000);
    assert(meter.rate! > 1000 && meter.rate! < 5000, String(meter.rate));
    const before = meter.rate;
    meter.add(0, 3000);
    assert.equal(meter.rate, before);
    for (let second = 4; second < 60; second++) meter.add((second - 3) * 200, second * 1000);
    assert(Math.abs(meter.rate! - 200) < 1, String(meter.rate));
  },
);

Deno.test(
  "ProgressLine redraws a terminal's line at most ten times a second and takes it away",
  pure,
  () => {
    const screen = new Screen(true);
    let now = 0;
    const stream = new TextStream(screen, { columns: () => 60 });
    const progress = new ProgressLine(stream, { label: "a.bin", total: 1000, now: () => now });
    for (now = 0; now < 1000; now++) progress.update(now);
    assert.equal(screen.writes.length, 10);
    for (const write of screen.writes) {
      assert.equal(write.slice(0, 4), "\r\x1b[K");
      assert(displayWidth(write.slice(4)) < 60);
      assert.doesNotMatch(write, /\n/);
    }
    assert.match(screen.visible, /^a\.bin {3}90% /);
    stream.line("something else");
    assert.match(screen.visible, /^something else\na\.bin {3}90% /);
    now = 1000;
    progress.update(1000);
    progress.stop();
    assert.equal(screen.visible, "something else\n");
  },
);

Deno.test(
  "ProgressLine elsewhere writes the start, and 10 % steps at most once a second",
  pure,
  () => {
    const screen = new Screen();
    let now = 0;
    const progress = new ProgressLine(new TextStream(screen), {
      label: "a\u001b.bin",
      total: 1000,
      now: () => now,
    });
    // A tenth takes two seconds.
    for (now = 0; now <= 20_000; now += 100) progress.update(now / 20);
    progress.stop();
    assert.equal(screen.lines.length, 11);
    assert.equal(screen.lines[0], "a\\u001b.bin: start (1000 B)");
    assert.match(
      screen.lines[1]!,
      /^a\\u001b\.bin: 10% {2}100 B \/ 1000 B {2}50 B\/s {2}18s left$/,
    );
    assert.match(screen.lines[10]!, /^a\\u001b\.bin: 100% /);
    assert(!screen.text.includes("\r") && !screen.text.includes("\u001b"));
  },
);

Deno.test(
  "ProgressLine elsewhere is not silent for more than 5 s, and short transfers get one line",
  pure,
  () => {
    const screen = new Screen();
    let now = 0;
    const slow = new ProgressLine(new TextStream(screen), { label: "-", now: () => now });
    for (now = 0; now <= 12_000; now += 500) slow.update(now);
    assert.deepEqual(screen.lines.map((line) => line.split("  ")[0]), [
      "-: start",
      "-: 4.9 KiB",
      "-: 9.8 KiB",
    ]);
    const short = new Screen();
    const quick = new ProgressLine(new TextStream(short), {
      label: "s",
      total: 10,
      now: () => now,
    });
    for (let at = 0; at <= 10; at++) quick.update(at);
    quick.stop();
    assert.deepEqual(short.lines, ["s: start (10 B)"]);
  },
);

Deno.test("what was there before is no part of the rate", pure, () => {
  const screen = new Screen();
  let now = 0;
  const options = { label: "r", total: 10_000, now: () => now };
  const progress = new ProgressLine(new TextStream(screen), options);
  progress.update(9000, { before: 9000 });
  now = 1000;
  progress.update(9500, { before: 9000 });
  assert.match(screen.lines.at(-1)!, /^r: 95% {2}9\.3 KiB \/ 9\.8 KiB {2}500 B\/s /);
});

Deno.test(
  "while something is pending it is never 100 %, nor more bytes than there are",
  pure,
  () => {
    const all = { label: "a", bytes: 12, total: 10 };
    assert.equal(percent({ ...all, pending: true }), 99);
    assert.equal(percent({ label: "a", bytes: 0, total: 0, pending: true }), 0);
    assert.equal(renderProgress({ ...all, pending: true }, 25), "a   99%  10 B / 10 B");
  },
);

Deno.test(
  "what is waited for stands first, and stays where there is room for nothing else",
  pure,
  () => {
    const stalled = { ...HALF, note: "waiting for the server, 12 s" };
    const at = (columns: number) => renderProgress(stalled, columns);
    assert.equal(
      at(90),
      "holiday.mov  waiting for the server, 12 s   50%  5.0 MiB / 10.0 MiB",
    );
    assert.equal(at(37), "waiting for the server, 12 s");
    assert.equal(at(20), "waiting for the ser…");
  },
);
