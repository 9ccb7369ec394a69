import assert from "node:assert/strict";
import { FileTable } from "../../src/cli/stored/table.ts";
import type { FileInfo } from "../../src/protocol/mod.ts";
import { displayWidth } from "../../src/terminal/width.ts";
import { pure } from "../helpers/pure.ts";

const NOW = Date.parse("2026-01-02T00:00:00Z");
const file = (name: string | undefined, size: number, more: Partial<FileInfo> = {}): FileInfo => ({
  path: "files/public/x",
  ...(name === undefined ? {} : { name }),
  size,
  sha256: "ab".repeat(32),
  mime_type: "text/plain",
  stored_at: "2026-01-01T23:00:00.000Z",
  ...more,
});
const paint = (_: string, text: string) => text;
const FILES = [
  file("photos/holiday.jpg", 3_500_000, { mime_type: "image/jpeg" }),
  file(`${"folder/".repeat(20)}漢字.txt`, 5),
  file("new\nline \u001b[31m", 0),
  file(undefined, 1, { stored_at: "?" }),
];

pure("a table fits its terminal, and the size stays longest", () => {
  for (const columns of [10, 20, 30, 40, 60, 80, 100, 200]) {
    const lines = new FileTable({ columns, long: false, paint, now: NOW }).page(FILES);
    assert.equal(lines.length, 5);
    for (const line of lines) {
      if (columns >= 20) assert.ok(displayWidth(line) <= columns, `${columns}: ${line}`);
      // deno-lint-ignore no-control-regex
      assert.ok(!/[\x00-\x1f]/.test(line));
    }
  }
  const narrow = new FileTable({ columns: 40, long: false, paint, now: NOW }).page(FILES);
  assert.equal(narrow[0], "   SIZE    AGE  NAME");
  assert.equal(narrow[1], "3.3 MiB  1h00m  photos/holiday.jpg");
  const wide = new FileTable({ columns: 60, long: false, paint, now: NOW }).page(FILES);
  assert.equal(wide[1], "3.3 MiB  1h00m  image/jpeg  photos/holiday.jpg");
});

pure("without a terminal names are whole, and -l shows what identifies a file", () => {
  const plain = new FileTable({ columns: Infinity, long: false, paint, now: NOW }).page(FILES);
  assert.ok(plain[2]!.endsWith(`${"folder/".repeat(20)}漢字.txt`));
  assert.ok(plain[4]!.endsWith("  files/public/x"), "a file without a name is named by its path");
  const [, line] = new FileTable({ columns: 40, long: true, paint, now: NOW }).page(FILES);
  assert.match(
    line!,
    /2026-01-01T23:00:00\.000Z {2}(ab){8} {2}files\/public\/x {2}.*holiday\.jpg$/,
  );
});

pure("the titles come once, and the columns of a later page are no narrower", () => {
  const table = new FileTable({ columns: Infinity, long: false, paint, now: NOW });
  table.page(FILES);
  assert.deepEqual(table.page([]), []);
  assert.deepEqual(table.page([file("a", 1)]), ["    1 B  1h00m  text/plain  a"]);
});
