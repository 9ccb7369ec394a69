/** What an error of SQLite says of the file of the index. @module */

/** Whether an error says that another process has the file locked (SQLITE_BUSY, SQLITE_LOCKED). */
export function isLocked(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" && [5, 6].includes(errcode & 0xff);
}

/** Whether an error says that the file is no good (SQLITE_IOERR, _CORRUPT, _CANTOPEN, _NOTADB, or a table is missing). */
export function isDamage(error: unknown): boolean {
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  return typeof errcode === "number" && [1, 10, 11, 14, 26].includes(errcode & 0xff);
}

/** Whether an error says that the file cannot be written, though it is good (SQLITE_FULL, _READONLY). */
export function isUnwritable(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" && [8, 13].includes(errcode & 0xff);
}

/** Whether an error is one of SQLite, and not of the file system. */
export function isOfSqlite(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_SQLITE_ERROR"; // those of exec() have no errcode
}
