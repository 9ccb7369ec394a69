import assert from "node:assert/strict";
import { Tally } from "../../src/cli/send/tally.ts";
import { TextReport } from "../../src/cli/send/text_report.ts";
import type { Found } from "../../src/cli/send/ahead.ts";
import type { FileToSend } from "../../src/cli/send/file_to_send.ts";
import type { SendResult } from "../../src/client/mod.ts";
import { FxferError } from "../../src/errors.ts";
import { TextStream } from "../../src/terminal/output.ts";
import { Screen } from "./screen.ts";

const pure = { permissions: "none" } as const;
const KIB = 1024;

const file = (path: string, size?: number): FileToSend => ({
  ...{ label: path, path, name: path, mimeType: "text/plain" },
  ...(size === undefined ? {} : { size, mtime: 0 }),
});

const result = (size: number, more: Partial<SendResult> = {}): SendResult => ({
  existing: false,
  file: { path: "p", size, sha256: "0", mime_type: "text/plain" },
  ...{ confirmed: true, replayed: false, sha256: "0", attempts: 1, resumedFrom: [], ...more },
});

/** What the walk has found when it is over. */
function foundAll(files: readonly FileToSend[]): Found {
  const bytes = files.some(({ size }) => size === undefined)
    ? undefined
    : files.reduce((sum, { size }) => sum + size!, 0);
  return { files: files.length, bytes, isAll: true };
}

/** A report on a terminal or elsewhere, with a clock that the test turns. */
class Watched implements Disposable {
  readonly err: Screen;
  readonly out: Screen;
  readonly report: TextReport;
  /** What the report is told of the walk. */
  readonly found: { -readonly [key in keyof Found]: Found[key] };
  now = 0;

  constructor(targets: readonly FileToSend[], terminal = true, columns = 80) {
    this.err = new Screen(terminal);
    this.out = new Screen(terminal);
    const err = new TextStream(this.err, { columns: () => columns });
    const output = { err, out: new TextStream(this.out, {}, err) };
    this.found = { ...foundAll(targets) };
    this.report = new TextReport(output, this.found, false, () => this.now);
  }

  /** What stands in the last line of the terminal. */
  get status(): string {
    return this.err.visible.split("\n").at(-1)!;
  }

  /** A second passes, with its tick. */
  tick(seconds = 1): void {
    for (let second = 0; second < seconds; second++) {
      this.now += 1000;
      this.report.tick();
    }
  }

  connected(): void {
    const mode = "stateful" as const;
    this.report.event({ type: "connected", mode, sessionId: "s", resumed: false }, undefined);
  }

  [Symbol.dispose](): void {
    this.report[Symbol.dispose]();
  }
}

Deno.test("the rate and its mean count what this run has sent, not what was there", pure, () => {
  const big = file("big", 100 * KIB);
  using watched = new Watched([big]);
  const { report } = watched;
  report.started(big);
  report.progress(big, { sent: 90 * KIB, acked: 90 * KIB, total: 100 * KIB });
  watched.now = 1000;
  report.progress(big, { sent: 95 * KIB, acked: 90 * KIB, total: 100 * KIB });
  assert.match(
    watched.status,
    /^big {3}95% .* {2}95\.0 KiB \/ 100\.0 KiB {2}5\.0 KiB\/s {2}1s left$/,
  );
  watched.now = 2000;
  report.progress(big, { sent: 100 * KIB, acked: 90 * KIB, total: 100 * KIB });
  report.sent(big, result(100 * KIB, { resumedFrom: [90 * KIB] }));
  const tally = new Tally();
  tally.sent(100 * KIB, { confirmed: true, replayed: false });
  report.end(tally, 2);
  assert.equal(
    watched.err.lines.at(-1)!.split("\r\x1b[K").at(-1),
    "1 file stored: 100.0 KiB in 2s (5.0 KiB/s)",
  );
});

Deno.test("a part that is sent twice in one run counts once, and never more than all", pure, () => {
  const big = file("big", 100);
  using watched = new Watched([big]);
  const { report } = watched;
  report.started(big);
  for (const [sent, acked] of [[60, 0], [100, 0], [40, 40], [100, 40]] as const) {
    watched.now += 500;
    report.progress(big, { sent, acked, total: 100 });
    assert.match(watched.status, new RegExp(` ${Math.min(99, sent)}% .* ${sent} B / 100 B`));
  }
});

Deno.test(
  "100 % comes when all is stored; a file that is larger than planned raises the sum",
  pure,
  () => {
    const [first, second] = [file("first", 10), file("second", 0)];
    using watched = new Watched([first, second], false);
    const { report } = watched;
    report.started(first);
    report.started(second);
    watched.now = 10_000;
    report.progress(first, { sent: 10, acked: 0, total: 10 });
    assert.match(watched.err.lines.at(-1)!, /^2 files: 99% {2}10 B \/ 10 B/);
    watched.now = 20_000;
    report.progress(second, { sent: 30, acked: 0, total: undefined });
    assert.match(watched.err.lines.at(-1)!, /^2 files: 99% {2}10 B \/ 10 B/);
    report.sent(first, result(10));
    watched.now = 30_000;
    report.sent(second, result(30));
    assert.match(watched.err.lines.at(-1)!, /^2 files: 100% {2}40 B \/ 40 B/);
  },
);

Deno.test("after a failure it is never 100 %", pure, () => {
  const [good, bad] = [file("good", 10), file("bad", 10)];
  using watched = new Watched([good, bad], false);
  const { report } = watched;
  report.started(good);
  report.failed(bad, new FxferError("source_changed"), false);
  watched.now = 10_000;
  report.sent(good, result(10));
  assert.match(watched.err.lines.at(-1)!, /^2 files: 99% /);
});

Deno.test(
  "a stall is seen after 3 s, with what is waited for, and is over with the next byte",
  pure,
  () => {
    const big = file("big", 100);
    using watched = new Watched([big]);
    const { report } = watched;
    watched.tick(3);
    assert.equal(watched.status, "waiting for the server, 3 s");
    watched.connected();
    report.started(big);
    report.progress(big, { sent: 50, acked: 0, total: 100 });
    watched.tick(2);
    assert.doesNotMatch(watched.status, /waiting/);
    watched.tick(10);
    assert.equal(watched.status, "big  waiting for the server, 12 s   50%  50 B / 100 B");
    report.progress(big, { sent: 50, acked: 50, total: 100 });
    watched.tick(4);
    assert.match(watched.status, /^big {2}waiting for the file, 4 s /);
    report.progress(big, { sent: 60, acked: 50, total: 100 });
    watched.now += 500;
    report.progress(big, { sent: 70, acked: 50, total: 100 });
    assert.doesNotMatch(watched.status, /waiting/);
  },
);

Deno.test("a stall is seen on 40 columns too, and elsewhere in few lines", pure, () => {
  const big = file("a name of some length.tar.gz", 100);
  using narrow = new Watched([big, file("b", 1)], true, 40);
  narrow.report.started(big);
  narrow.tick(5);
  assert.equal(narrow.status, "0/2 a n…  waiting for the server, 5 s");
  using plain = new Watched([big], false);
  plain.report.started(big);
  plain.tick(60);
  const told = plain.err.lines.slice(1).map((line) =>
    /waiting for the server, (\d+) s/.exec(line)![1]
  );
  assert.deepEqual(told, ["3", "6", "12", "24", "48"]);
});

Deno.test(
  "what concerns every file is said once, what concerns one is said with its name",
  pure,
  () => {
    const files = Array.from({ length: 1000 }, (_, index) => file(`f${index}`, 1));
    using watched = new Watched(files, false);
    const all = new FxferError("connection_lost", "Cannot connect to h:1: gave up after 1 try");
    for (const each of files) watched.report.failed(each, all, true);
    watched.report.failed(files[0]!, new FxferError("source_changed"), false);
    assert.deepEqual(watched.err.lines, [
      "fxfer: Cannot connect to h:1: gave up after 1 try",
      "fxfer: f0: the file changed while it was sent",
    ]);
  },
);

Deno.test(
  "events without a file, and standard input without a name, are said without one",
  pure,
  () => {
    const input: FileToSend = { label: "-", path: "-", mimeType: "text/plain" };
    using watched = new Watched([input], false);
    const { report } = watched;
    const uploadId = crypto.randomUUID();
    report.event({ type: "resumed", uploadId, offset: 2048 }, undefined);
    report.started(input);
    report.sent(input, result(5));
    assert.deepEqual(watched.err.lines, ["goes on at 2.0 KiB", "standard input: start"]);
    assert.deepEqual(watched.out.lines, ["standard input: stored as p (5 B)"]);
  },
);

Deno.test("a file alone that --if-new has not sent is counted, as it has no line", pure, () => {
  using watched = new Watched([file("f", 5)], false);
  const tally = new Tally();
  const there = result(5, { existing: true, attempts: 0 });
  watched.report.sent(file("f", 5), there);
  tally.sent(5, there);
  watched.report.end(tally, 0.2);
  assert.deepEqual(watched.out.lines, []);
  assert.equal(watched.err.text, "1 file already there: 0 B in 0.2s\n");
});

Deno.test("the sum says what is there already, what failed, and what was left out", pure, () => {
  const sum = (fill: (tally: Tally) => void, files = 9): string => {
    using watched = new Watched(Array.from({ length: files }, () => file("f", 1)), false);
    const tally = new Tally();
    fill(tally);
    watched.report.end(tally, 0.2);
    return watched.err.text;
  };
  const stored = { confirmed: true, replayed: false };
  const present = { confirmed: true, replayed: true };
  assert.equal(
    sum((tally) => {
      tally.sent(10, stored);
      for (let n = 0; n < 4; n++) tally.sent(10, present);
      tally.fail("source_changed");
      tally.leaveOut(2, true);
    }),
    "1 file stored, 4 already there, 1 not, 2 left out: 10 B in 0.2s\n",
  );
  assert.equal(sum((tally) => tally.sent(10, present)), "1 file already there: 0 B in 0.2s\n");
  assert.equal(sum((tally) => tally.fail("local_io")), "0 files stored, 1 not: 0 B in 0.2s\n");
  assert.equal(sum(() => {}, 0), "");
  assert.equal(sum((tally) => tally.sent(1, stored), 1), "", "one file has its line already");
});

Deno.test(
  "the exit code of what was left out is 9, unless it was left out on purpose",
  pure,
  () => {
    const exit = (fill: (tally: Tally) => void): number => {
      const tally = new Tally();
      fill(tally);
      return tally.exit;
    };
    assert.equal(exit((tally) => tally.leaveOut(1, true)), 9);
    assert.equal(exit((tally) => tally.leaveOut(1, false)), 0);
    assert.equal(exit((tally) => tally.leaveOut(0, true)), 0);
    assert.equal(exit((tally) => (tally.leaveOut(1, true), tally.fail("interrupted"))), 130);
    assert.equal(exit((tally) => (tally.leaveOut(1, false), tally.fail("local_io"))), 8);
  },
);

Deno.test("while files are still looked for there is no total, and then there is", pure, () => {
  const [first, second] = [file("first", 10), file("second", 30)];
  const shown = (terminal: boolean, isAll: boolean): string[] => {
    using watched = new Watched([first, second], terminal);
    watched.found.isAll = isAll;
    const { report } = watched;
    report.started(first);
    watched.now = 6000;
    report.sent(first, result(10));
    return terminal ? [watched.status] : watched.err.lines;
  };
  assert.match(shown(true, false)[0]!, /^1 files first {2}10 B( |$)/);
  assert.match(shown(true, true)[0]!, /^1\/2 first {3}25% /);
  assert.deepEqual(shown(false, false)[0], "more than 2 files: start");
  assert.match(shown(false, false)[1]!, /^1 files so far: 10 B/);
  assert.equal(shown(false, true)[0], "2 files: start (40 B)");
});

Deno.test(
  "where not all files were found, the sum of those that are not stored is a least one",
  pure,
  () => {
    using watched = new Watched([file("a", 1), file("b", 1)], false);
    watched.found.isAll = false;
    const tally = new Tally();
    tally.sent(1, { confirmed: true, replayed: false });
    tally.fail("interrupted");
    watched.report.end(tally, 0.2);
    assert.equal(watched.err.text, "1 file stored, 1 or more not: 1 B in 0.2s\n");
  },
);
