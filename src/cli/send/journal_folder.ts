/** The folder with the journals of `fxfer send`. @module */
import { localError, readable, writable } from "../local.ts";
import type { SendArgs } from "./args.ts";
import { JOURNAL_NAME, JournalFile } from "./journal_file.ts";
import { commandOf, digest } from "./journal_key.ts";

/** An older journal is removed: by then servers have forgotten the session long ago. */
const MAX_AGE_MS = 30 * 24 * 3600 * 1000;

/**
 * Opens or makes the journal of a command, and reads those of other commands that sent to the same server.
 *
 * @param server Its address.
 * @param others Gets the journals of other commands, which are not locked then.
 * @returns The journal of the command, locked.
 * @throws What the file system throws.
 */
export async function openJournals(
  asked: SendArgs,
  server: string,
  others: JournalFile[],
): Promise<JournalFile> {
  const { state: folder } = asked;
  const ofServer = `${folder}/send_${await digest(server)}_`;
  const ownPath = `${ofServer}${await digest(commandOf(asked))}.jsonl`;
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { path, age } of await listJournals(folder)) {
    if (age > MAX_AGE_MS) await Deno.remove(path).catch(() => {});
    else if (path !== ownPath && path.startsWith(ofServer)) {
      // A journal that cannot be read is not needed: its command may just have ended.
      const other = await JournalFile.open(path, false).catch(() => undefined);
      await other?.release();
      if (other !== undefined) others.push(other);
    }
  }
  return await openOwn(folder, ownPath);
}

/**
 * Whether the program may keep journals.
 *
 * @throws {FxferError} `local_io` if the user named the folder and the program may not use it.
 */
export async function mayKeep({ state, stateAsked }: SendArgs): Promise<boolean> {
  if (await readable(state) && await writable(state)) return true;
  if (!stateAsked) return false;
  const flags = `--allow-read=${state} --allow-write=${state}`;
  const reason = `reading and writing there is not permitted (${flags})`;
  throw localError(`keep state in ${state}`, undefined, reason);
}

/** The journals of a folder with their age in milliseconds, the youngest first. */
async function listJournals(folder: string): Promise<{ path: string; age: number }[]> {
  const found: { path: string; age: number }[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!JOURNAL_NAME.test(name)) continue;
    const path = `${folder}/${name}`;
    const { mtime } = await Deno.lstat(path).catch(() => ({ mtime: null }));
    found.push({ path, age: mtime === null ? 0 : Date.now() - mtime.getTime() });
  }
  return found.sort((a, b) => a.age - b.age);
}

/** Opens or makes the journal of a command. */
async function openOwn(folder: string, path: string): Promise<JournalFile> {
  for (let tries = 3;; tries--) {
    try {
      return await JournalFile.open(path, true);
    } catch (error) {
      // Another command that finished may just have removed the empty folder.
      if (tries === 0 || !(error instanceof Deno.errors.NotFound)) throw error;
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }
}
