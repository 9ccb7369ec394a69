/**
 * Group commit: small files that came together are published together. One write notes them in the claim of this
 * process, and one write lists them, where each file would take both for itself.
 *
 * The order is that of a single file (mod.ts). Before the group is published, its files are partial ones, which the
 * sweep removes if this process dies. Then, with no wait in between:
 *
 * | step | a crash after it leaves |
 * | --- | --- |
 * | 1. the files of a session are noted in its journal | partial files; the session's next holder removes them |
 * | 2. their lines are in the claims: those with upload ids each in its own, or in the note of a process that is alone; all others as one line, a list | the same |
 * | 3. one after the other gets its final name | whole files without a line: whoever finishes the claims lists them |
 * | 4. one write appends all lines | stored files, and half a line, which counts as none |
 *
 * If a step fails for a file, that file is not stored. The later files of its session are not stored either: else
 * numbers would have run although an earlier one has not (S-SEQ-2). If the disk is full in the middle of the write,
 * the files whose lines are whole are stored, and all others lose their names again.
 *
 * @module
 */
import { AloneClaim } from "./alone.ts";
import type { Claim, IdClaim } from "./claim.ts";
import { giveName, noteListed, remember, takeNameBack, type WholeFile } from "./commit.ts";
import type { DiskParts } from "./disk_parts.ts";
import type { MayPublish } from "./types.ts";

/** So many characters the lines of a group have at most: a line of a claim, which has all of them, is read as a whole. */
const MAX_CHARACTERS = 16_384;

/** One file of a group. */
export interface GroupedFile extends WholeFile {
  /** Its line, without the LF. */
  readonly line: string;
  /** The claim of its upload id. */
  readonly claim?: IdClaim | undefined;
  readonly mayPublish: MayPublish | undefined;
  /** It is stored. */
  stored(): void;
  /** It is not, because of this error. */
  failed(error: unknown): void;
  /** Nothing more happens to it; called last, once. */
  end(): void;
}

/** The files of one storage that wait for their group's commit. */
export class CommitGroup {
  readonly #parts: DiskParts;
  #files: GroupedFile[] = [];
  #characters = 0;

  constructor(parts: DiskParts) {
    this.#parts = parts;
  }

  /** Whether a file with this upload id waits. */
  has(uploadId: string): boolean {
    return this.#files.some(({ spec }) => spec.uploadId === uploadId);
  }

  /** Adds a file that has its bytes under its temporary name. */
  add(file: GroupedFile): void {
    if (this.#characters + file.line.length > MAX_CHARACTERS) this.store();
    this.#files.push(file);
    this.#characters += file.line.length + 1;
  }

  /** Publishes the files that wait. Each of them is told what became of it; never throws. */
  store(): void {
    const files = this.#files;
    if (files.length === 0) return;
    this.#files = [];
    this.#characters = 0;
    const { reading } = this.#parts;
    let left = noted(files);
    left = claimedById(left);
    if (reading !== undefined) left = claimed(left, reading.claims.own);
    left = attempt(left, (file) => {
      file.mayPublish?.();
      giveName(this.#parts, file);
    });
    if (left.length > 0) this.#list(left);
    for (const file of files) file.end();
  }

  #list(files: readonly GroupedFile[]): void {
    const { manifest } = this.#parts;
    const lines = files.map(({ line, finalPath: path }) => ({ line, path }));
    // Where a line without an upload id stands, nobody asks for by itself.
    const exactly = files.some(({ spec }) => spec.uploadId !== undefined);
    let listed = 0;
    try {
      manifest.appendAll(lines, exactly, (at, position) => {
        noteListed(this.#parts, files[at]!, position);
        listed = at + 1;
      });
    } catch (error) {
      for (const file of files.slice(listed)) {
        try {
          takeNameBack(this.#parts, file);
          file.failed(error);
        } catch (cause) {
          file.failed(cause); // it keeps its name, without a line
        }
      }
    }
    for (const file of files.slice(0, listed)) {
      remember(this.#parts, file, file.claim);
      file.stored();
    }
  }
}

/** Takes a step with each file; returns those that go on. With a file that fails, the later ones of its session do. */
function attempt(
  files: readonly GroupedFile[],
  step: (file: GroupedFile) => void,
): readonly GroupedFile[] {
  const broken = new Map<string, unknown>();
  return files.filter((file) => {
    const session = file.spec.session?.id ?? "";
    try {
      if (broken.has(session)) throw broken.get(session);
      step(file);
      return true;
    } catch (error) {
      if (session !== "") broken.set(session, error);
      file.failed(error);
      return false;
    }
  });
}

/** Notes files in the journals of their sessions; returns those that go on. */
function noted(files: readonly GroupedFile[]): readonly GroupedFile[] {
  let left = files;
  for (const journal of new Set(files.map(({ spec }) => spec.journal))) {
    if (journal === undefined) continue;
    try {
      journal.note(left.filter(({ spec }) => spec.journal === journal));
    } catch (error) {
      left = attempt(left, ({ spec }) => {
        if (spec.journal === journal) throw error;
      });
    }
  }
  return left;
}

/** Writes the lines of files with upload ids into their claims, or into one note; returns those that go on. */
function claimedById(files: readonly GroupedFile[]): readonly GroupedFile[] {
  const inMemory: (readonly [AloneClaim, string])[] = [];
  for (const { claim, line } of files) {
    if (claim instanceof AloneClaim) inMemory.push([claim, line]);
  }
  const isNoted = AloneClaim.noteAll(inMemory);
  return attempt(files, ({ claim, line }) => {
    if (!(claim instanceof AloneClaim)) claim?.write(line);
    else if (!isNoted) claim.writeToClaim(line);
  });
}

/** Notes the files that have no claim of their own in that of the process; returns those that go on. */
function claimed(files: readonly GroupedFile[], own: Claim): readonly GroupedFile[] {
  const lines = files.filter(({ claim }) => claim === undefined).map(({ line }) => line);
  if (lines.length === 0) return files;
  try {
    own.writeAll(lines);
    return files;
  } catch (error) {
    return attempt(files, ({ claim }) => {
      if (claim === undefined) throw error;
    });
  }
}
