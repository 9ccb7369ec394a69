/** Finds listed files that somebody has removed by hand: they are listed no more, and take no room. @module */
import { fits, type Followed } from "./followed.ts";
import type { FileRow, IndexFile } from "./index_file.ts";
import { isLocked } from "./index_errors.ts";
import { IndexLines } from "./index_lines.ts";
import type { IndexWriter } from "./index_writer.ts";
import { readEntryAt, readLineAt } from "./manifest_lines.ts";

/**
 * Looks at the next listed files.
 *
 * @param from The first row.
 * @returns The row where the next look begins; undefined at the end.
 */
export async function lookForGone(
  writer: IndexWriter,
  here: Followed,
  isGone: (path: string) => boolean,
  from: number,
  most: number,
): Promise<number | undefined> {
  const rows = listed(writer.index, from, most);
  const gone = (row: FileRow) => {
    const path = readEntryAt(here.file, row.pos)?.path;
    return path !== undefined && isGone(path);
  };
  if (rows.some(gone)) {
    await writer.settled();
    const { index } = writer;
    try {
      index.begin();
      const { state } = index;
      // Looked at again: it may have been written meanwhile, and be one of another manifest.
      if (fits(state, here)) {
        const lines = new IndexLines(index, (position) => readLineAt(here.file, position), false);
        for (const row of listed(index, from, most).filter(gone)) lines.gone(row);
        lines.end(state.readTo, state.tail);
        index.commit();
      }
    } catch (error) {
      if (!isLocked(error)) throw error; // else another process is writing it: they are met by the next look
    } finally {
      index.rollback(); // does nothing after a commit
    }
  }
  return rows.length < most ? undefined : rows.at(-1)!.id + 1;
}

function listed(index: IndexFile, from: number, most: number): FileRow[] {
  return index.rows(
    "SELECT id, pos, name, size, gone FROM file WHERE id >= ? AND gone = 0 ORDER BY id LIMIT ?",
    ...[from, most],
  );
}
