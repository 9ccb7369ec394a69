/**
 * What a killed `fxfer send` needs to go on: a journal in the state folder, one file a command line.
 *
 * Lines of JSON, each written whole: the session, a file's upload id, a file's result. The same
 * command finds the journal again, goes on in the same session, skips what is stored, and lets the
 * server say how much it has of the rest. A file that changed meanwhile starts over. The journal
 * holds the session's secret, so only its owner may read it; it goes away when nothing is left to do.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { formatEndpoint } from "../../address.ts";
import type { Client, SendResult } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import { readable, writable } from "../permission.ts";
import type { SendArgs } from "./args.ts";
import { type FileToSend, STDIN } from "./plan.ts";

/** After this no server remembers, and what was stored may be gone. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;

/** What the journal knows of one file. */
interface Known {
  readonly file: string;
  readonly size: number;
  readonly mtime: number;
  readonly upload: string;
  result?: SendResult;
}

/** The session of before, as `connect` takes it. */
export interface EarlierSession {
  readonly sessionId?: string;
  readonly token?: string;
}

/** Remembers what is needed to go on after a death; see the module's text. */
export class SendState implements Disposable {
  /** Seconds for which the server keeps the session of this run; absent without one. */
  expiryS: number | undefined;
  readonly #server: string;
  readonly #path: string | undefined;
  readonly #journal: Deno.FsFile | undefined;
  readonly #known = new Map<string, Known>();
  readonly #changed: string[] = [];
  #session: EarlierSession = {};
  #finished = false;

  private constructor({ host, port }: SendArgs, path?: string, journal?: Deno.FsFile) {
    this.#server = formatEndpoint({ hostname: host, port });
    this.#path = path;
    this.#journal = journal;
  }

  /**
   * Opens the journal of a command line. Where the state folder cannot be used, or the program may
   * not use it, nothing is kept and sending goes on without.
   *
   * @throws {FxferError} `local_io` if the same command is running, or if the folder was asked for
   * and may not be used.
   */
  static async open(asked: SendArgs): Promise<SendState> {
    const folder = asked.state;
    const named = asked.files.some((file) => file !== STDIN);
    if (!named) return new SendState(asked);
    if (!await readable(folder) || !await writable(folder)) {
      if (asked.stateAsked) throw notPermitted(folder);
      return new SendState(asked);
    }
    const path = `${folder}/send_${keyOf(asked)}.jsonl`;
    let journal: Deno.FsFile;
    try {
      journal = await openJournal(folder, path);
    } catch {
      return new SendState(asked);
    }
    if (!await lock(journal)) {
      journal.close();
      throw new FxferError("local_io", "Cannot send: the same command is running already");
    }
    const state = new SendState(asked, path, journal);
    state.#replay(await Deno.readTextFile(path));
    return state;
  }

  /** Whether another run can go on from here. */
  get kept(): boolean {
    return this.#journal !== undefined;
  }

  /** What to hand to `connect`. */
  get session(): EarlierSession {
    return this.#session;
  }

  /** Files that are not what they were when the earlier run began them. */
  changed(targets: readonly FileToSend[]): readonly string[] {
    for (const target of targets) if (target.error === undefined) this.#of(target);
    return this.#changed;
  }

  /** What an earlier run was told of a file that has not changed since. */
  result(target: FileToSend): SendResult | undefined {
    return this.#of(target)?.result;
  }

  /** The id under which a file is sent, in this run and in the next (S-TRF-9). */
  uploadId(target: FileToSend): string {
    const known = this.#of(target);
    if (known !== undefined) return known.upload;
    const upload = crypto.randomUUID();
    const { size, mtime, path } = target;
    if (size === undefined || mtime === undefined || path === STDIN) return upload;
    const entry: Known = { file: resolve(path), size, mtime, upload };
    this.#known.set(entry.file, entry);
    this.#append(entry);
    return upload;
  }

  /**
   * A session was opened; without one there is nothing to go on with but what is stored. One that has
   * moved is asked for where it was: the server there knows the way, and no other gets its secret.
   */
  opened({ sessionId, token, terms, address }: Client): void {
    this.expiryS = sessionId === null ? undefined : terms?.sessionExpiryS;
    if (sessionId === null || formatEndpoint(address) !== this.#server) return;
    if (sessionId === this.#session.sessionId && token === this.#session.token) return;
    this.#session = { sessionId, ...(token === undefined ? {} : { token }) };
    this.#append({ session: sessionId, token });
  }

  /** A file is stored. */
  done(target: FileToSend, result: SendResult): void {
    const known = this.#of(target);
    if (known === undefined) return;
    known.result = { ...result, replayed: true };
    this.#append({ done: known.upload, result });
  }

  /** Nothing is left to go on with: the journal goes away when this is disposed of. */
  finish(): void {
    this.#finished = true;
  }

  [Symbol.dispose](): void {
    if (this.#journal === undefined) return;
    if (this.#finished) Deno.removeSync(this.#path!);
    this.#journal.close();
    if (!this.#finished) return;
    try {
      Deno.removeSync(this.#path!.slice(0, this.#path!.lastIndexOf("/")));
    } catch {
      // Not empty: other commands keep their state there.
    }
  }

  #of({ path, size, mtime }: FileToSend): Known | undefined {
    const file = path === STDIN ? "" : resolve(path);
    const known = this.#known.get(file);
    if (known === undefined || (known.size === size && known.mtime === mtime)) return known;
    this.#known.delete(file);
    this.#changed.push(path);
    return undefined;
  }

  #append(entry: unknown): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(entry)}\n`);
    for (let at = 0; at < bytes.length && this.#journal !== undefined;) {
      at += this.#journal.writeSync(bytes.subarray(at));
    }
  }

  #replay(text: string): void {
    const byUpload = new Map<string, Known>();
    for (const line of text.split("\n")) {
      const entry = parse(line);
      if (typeof entry.session === "string") {
        const { session: sessionId, token } = entry;
        this.#session = { sessionId, ...(typeof token === "string" ? { token } : {}) };
      } else if (typeof entry.file === "string" && typeof entry.upload === "string") {
        const known = entry as unknown as Known;
        this.#known.set(known.file, known);
        byUpload.set(known.upload, known);
      } else if (typeof entry.done === "string") {
        const known = byUpload.get(entry.done);
        if (known !== undefined) known.result = { ...entry.result as SendResult, replayed: true };
      }
    }
  }
}

function notPermitted(folder: string): FxferError {
  return new FxferError(
    "local_io",
    `Cannot keep state in ${folder}: reading and writing there is not permitted ` +
      `(--allow-read=${folder} --allow-write=${folder})`,
  );
}

async function openJournal(folder: string, path: string): Promise<Deno.FsFile> {
  for (let tries = 3;; tries--) {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const old = await Deno.lstat(path).catch(() => undefined);
    const stale = old !== undefined && Date.now() - (old.mtime?.getTime() ?? 0) > MAX_AGE_MS;
    if (stale || old?.isSymlink) await Deno.remove(path);
    try {
      return await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
    } catch (error) {
      // Another command may have taken the empty folder away in between.
      if (tries === 0 || !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** How long a lock may take that can only be waited for, in milliseconds. */
const LOCK_MS = 500;

/** Takes the lock of a journal; false: another program has it. */
async function lock(journal: Deno.FsFile): Promise<boolean> {
  const { tryLock } = journal as unknown as { tryLock?: (exclusive: boolean) => Promise<boolean> };
  if (tryLock !== undefined) return await tryLock.call(journal, true);
  // Deno 2.6 has only the form that waits.
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), LOCK_MS));
  const held = journal.lock(true).then(() => true, () => false);
  const locked = await Promise.race([held, late]);
  clearTimeout(timer);
  return locked;
}

/** One line; whatever is none (a run was killed while it wrote) is empty. */
function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

/** Tells one command line from another: the same files to the same server. */
function keyOf({ host, port, mode, name, type, recursive, files }: SendArgs): string {
  const paths = files.map((file) => file === STDIN ? STDIN : resolve(file));
  const text = JSON.stringify([host, port, mode, name ?? null, type ?? null, recursive, paths]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
