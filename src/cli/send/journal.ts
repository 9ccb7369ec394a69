/**
 * The journal: what a killed `fxfer send` needs to go on, one file in the state folder for each
 * command line.
 *
 * The journal has lines of JSON, each written whole: the session, a file's upload id, a file's result.
 * The same command finds the journal again, goes on in the same session, skips what is stored, and
 * lets the server say how much it has of the rest. A file that was changed in between starts over.
 * Only its owner may read the journal, because it holds the session's secret. It is removed when
 * nothing is left to do.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { formatEndpoint } from "../../address.ts";
import type { Client, ConnectOptions, SendResult } from "../../client/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { within } from "../../within.ts";
import { localError, readable, writable } from "../local.ts";
import { type SendArgs, STDIN } from "./args.ts";
import type { FileToSend } from "./plan.ts";

/** An older journal is thrown away: by then servers have forgotten the session. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;

/** What the journal says about one file. */
interface FileEntry {
  /** The absolute path. */
  readonly file: string;
  readonly size: number;
  readonly mtime: number;
  readonly upload: string;
  result?: SendResult;
}

/** The journal of one command line. */
export class Journal implements Disposable {
  /** Seconds for which the server keeps the session of this run; absent without a session. */
  expiryS: number | undefined;
  readonly #server: string;
  readonly #path: string | undefined;
  readonly #file: Deno.FsFile | undefined;
  readonly #entries = new Map<string, FileEntry>();
  readonly #changed: string[] = [];
  #session: Pick<ConnectOptions, "sessionId" | "token"> = {};
  #finished = false;

  private constructor({ host, port }: SendArgs, path?: string, file?: Deno.FsFile) {
    this.#server = formatEndpoint({ hostname: host, port });
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the journal of a command line. Where the state folder cannot be used, or the program may
   * not use it, files are sent without a journal.
   *
   * @throws {FxferError} `local_io` if the same command is running, or if the user named the folder
   * and the program may not use it.
   */
  static async open(asked: SendArgs): Promise<Journal> {
    const folder = asked.state;
    if (asked.files.every((file) => file === STDIN)) return new Journal(asked);
    if (!await readable(folder) || !await writable(folder)) {
      if (!asked.stateAsked) return new Journal(asked);
      const flags = `--allow-read=${folder} --allow-write=${folder}`;
      const reason = `reading and writing there is not permitted (${flags})`;
      throw localError(`keep state in ${folder}`, undefined, reason);
    }
    const path = `${folder}/send_${keyOf(asked)}.jsonl`;
    let file: Deno.FsFile;
    try {
      file = await openFile(folder, path);
    } catch {
      return new Journal(asked);
    }
    if (!await lock(file)) {
      file.close();
      throw localError("send", undefined, "the same command is running already");
    }
    const journal = new Journal(asked, path, file);
    journal.#read(await Deno.readTextFile(path));
    return journal;
  }

  /** Whether a later run can go on from here. */
  get kept(): boolean {
    return this.#file !== undefined;
  }

  /** The session of the earlier run; empty where there is none. */
  get session(): Pick<ConnectOptions, "sessionId" | "token"> {
    return this.#session;
  }

  /** The paths of files that were changed since the earlier run began to send them. */
  changed(targets: readonly FileToSend[]): readonly string[] {
    for (const target of targets) if (target.error === undefined) this.#entryOf(target);
    return this.#changed;
  }

  /** The result of an earlier run for a file that has not changed since. */
  result(target: FileToSend): SendResult | undefined {
    return this.#entryOf(target)?.result;
  }

  /** The id under which a file is sent, in this run and in later ones (S-TRF-9). */
  uploadId(target: FileToSend): string {
    const known = this.#entryOf(target);
    if (known !== undefined) return known.upload;
    const upload = crypto.randomUUID();
    const { size, mtime, path } = target;
    if (size === undefined || mtime === undefined || path === STDIN) return upload;
    const entry: FileEntry = { file: resolve(path), size, mtime, upload };
    this.#entries.set(entry.file, entry);
    this.#append(entry);
    return upload;
  }

  /**
   * Writes down the session of a client, unless the client has followed the session to another
   * server: a later run asks the first server, which knows where the session is, and shows the
   * session's secret to no other server.
   */
  sessionOpened({ sessionId, token, terms, address }: Client): void {
    this.expiryS = sessionId === null ? undefined : terms?.sessionExpiryS;
    if (sessionId === null || formatEndpoint(address) !== this.#server) return;
    if (sessionId === this.#session.sessionId && token === this.#session.token) return;
    this.#session = omitUndefined({ sessionId, token });
    this.#append({ session: sessionId, token });
  }

  /** Writes down that a file is stored. */
  stored(target: FileToSend, result: SendResult): void {
    const entry = this.#entryOf(target);
    if (entry === undefined) return;
    entry.result = { ...result, replayed: true };
    this.#append({ done: entry.upload, result });
  }

  /** Says that nothing is left to do: disposing of the journal then removes its file. */
  finish(): void {
    this.#finished = true;
  }

  [Symbol.dispose](): void {
    if (this.#file === undefined) return;
    if (this.#finished) Deno.removeSync(this.#path!);
    this.#file.close();
    if (!this.#finished) return;
    try {
      Deno.removeSync(this.#path!.slice(0, this.#path!.lastIndexOf("/")));
    } catch {
      // The folder is not empty: it has the journals of other commands.
    }
  }

  #entryOf({ path, size, mtime }: FileToSend): FileEntry | undefined {
    const file = path === STDIN ? "" : resolve(path);
    const entry = this.#entries.get(file);
    if (entry === undefined || (entry.size === size && entry.mtime === mtime)) return entry;
    this.#entries.delete(file);
    this.#changed.push(path);
    return undefined;
  }

  #append(line: unknown): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    for (let at = 0; at < bytes.length && this.#file !== undefined;) {
      at += this.#file.writeSync(bytes.subarray(at));
    }
  }

  #read(text: string): void {
    const byUpload = new Map<string, FileEntry>();
    for (const line of text.split("\n").map(parseLine)) {
      if (typeof line.session === "string") {
        const token = typeof line.token === "string" ? line.token : undefined;
        this.#session = omitUndefined({ sessionId: line.session, token });
      } else if (typeof line.file === "string" && typeof line.upload === "string") {
        const entry = line as unknown as FileEntry;
        this.#entries.set(entry.file, entry);
        byUpload.set(entry.upload, entry);
      } else if (typeof line.done === "string") {
        const entry = byUpload.get(line.done);
        if (entry !== undefined) entry.result = { ...line.result as SendResult, replayed: true };
      }
    }
  }
}

async function openFile(folder: string, path: string): Promise<Deno.FsFile> {
  for (let tries = 3;; tries--) {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const old = await Deno.lstat(path).catch(() => undefined);
    const stale = old !== undefined && Date.now() - (old.mtime?.getTime() ?? 0) > MAX_AGE_MS;
    if (stale || old?.isSymlink) await Deno.remove(path);
    try {
      return await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
    } catch (error) {
      // Another command that finished may just have removed the empty folder.
      if (tries === 0 || !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** How long to wait for a lock where Deno has no tryLock, in milliseconds. */
const LOCK_MS = 500;

/** Takes the lock of a journal; false when another program has it. */
async function lock(file: Deno.FsFile): Promise<boolean> {
  const { tryLock } = file as unknown as { tryLock?: (exclusive: boolean) => Promise<boolean> };
  if (tryLock !== undefined) return await tryLock.call(file, true);
  // Deno 2.6 has no tryLock.
  return await within(LOCK_MS, file.lock(true).then(() => true, () => false)) === true;
}

/** One line of a journal; empty if it is no JSON object, as when a run was killed while it wrote. */
function parseLine(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

/** A key for a command line: the same for the same files to the same server. */
function keyOf({ host, port, mode, name, type, recursive, files }: SendArgs): string {
  const paths = files.map((file) => file === STDIN ? STDIN : resolve(file));
  const text = JSON.stringify([host, port, mode, name ?? null, type ?? null, recursive, paths]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
