/**
 * Fetches files over one client: in order, as many under way at a time as the server's window takes. After
 * a failure that concerns one file the others go on.
 *
 * @module
 */
import type { Client, FetchOptions } from "../../client/mod.ts";
import { type Code, FxferError } from "../../errors.ts";
import type { Mutable } from "../../omit_undefined.ts";
import { localError } from "../local.ts";
import { UnderWay } from "../under_way.ts";
import type { LocalFolder } from "./local_file.ts";
import type { LocalFile } from "./part_file.ts";
import type { FileToGet } from "./plan.ts";
import type { GetReport } from "./report.ts";

/** Failures that concern one file. */
const OF_ONE_FILE: ReadonlySet<Code> = new Set([
  "local_io",
  "checksum_mismatch",
  "offset_mismatch",
  "not_found",
  "forbidden",
  "invalid_field",
  "protocol_error",
]);

/** So many bytes are asked for at a time: enough for a far server, and little to be held for a slow disk. */
const MOST_BYTES = 16 * 1024 * 1024;

/** What a {@linkcode Fetcher} works with. */
export interface FetcherOptions {
  readonly client: Client;
  readonly report: GetReport;
  readonly signal: AbortSignal;
}

/** Fetches files into a folder. */
export class Fetcher {
  readonly #folder: LocalFolder;
  readonly #options: FetcherOptions;
  /** These promises never reject. */
  readonly #running = new UnderWay();
  #waiting: FileToGet[] = [];
  #beginning: Promise<void> | undefined;
  /** The error after which no further file is tried. */
  fatal: FxferError | undefined;

  constructor(folder: LocalFolder, options: FetcherOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Adds a file behind the others. */
  add(target: FileToGet): void {
    this.#waiting.push(target);
    this.#beginning ??= this.#begin();
  }

  /** Waits for all files. */
  async ended(): Promise<void> {
    await this.#beginning;
    await this.#running.fewerThan(1);
  }

  /** Begins with those that wait, as many at a time as the server takes. */
  async #begin(): Promise<void> {
    // All files of a page of the list are added first, so that the report can say how many there are.
    await new Promise<void>((resolve) => setTimeout(resolve));
    while (this.#waiting.length > 0) {
      const targets = this.#waiting;
      this.#waiting = [];
      for (const target of targets) {
        this.#running.add(this.#fetch(target), target.file.size);
        await this.#running.fewerThan(this.#options.client.terms?.maxInflight ?? 1, MOST_BYTES);
      }
    }
    this.#beginning = undefined;
  }

  async #fetch(target: FileToGet): Promise<void> {
    const { report } = this.#options;
    try {
      if (this.fatal !== undefined) throw this.fatal;
      const local = await this.#folder.open(target.at, target.file);
      if (local === undefined) return report.there(target);
      report.started(target, local.size);
      await this.#into(local, target);
      report.fetched(target, local.path);
    } catch (error) {
      // A part file that was damaged is of no use: all of it is fetched again, once.
      if (error instanceof DamagedPart) return await this.#fetch(target);
      this.#failed(target, error);
    }
  }

  async #into(local: LocalFile, target: FileToGet): Promise<void> {
    let wasWhole = false;
    try {
      await this.#bytesOf(target, local);
      wasWhole = true;
      await local.publish();
    } catch (error) {
      const isWrong = error instanceof FxferError && error.code === "checksum_mismatch";
      await local.leave(!isWrong);
      if (isWrong && !wasWhole && local.size > 0) throw new DamagedPart();
      throw error;
    }
  }

  async #bytesOf(target: FileToGet, local: LocalFile): Promise<void> {
    const { client, report } = this.#options;
    const { path, sha256 } = target.file;
    const onProgress = (received: number) => report.progress(target, received);
    const whole = local.takeWhole && ((bytes: Uint8Array) => local.takeWhole!(bytes));
    const before = local.size === 0 ? undefined : await local.before();
    const options: Mutable<FetchOptions> = { sha256, onProgress };
    if (before !== undefined) options.before = before;
    if (whole !== undefined) options.whole = whole;
    await client.fetch({ path }, (bytes) => local.write(bytes), options);
  }

  #failed(target: FileToGet, thrown: unknown): void {
    const { signal, report } = this.#options;
    const error = thrown instanceof FxferError
      ? thrown
      : signal.aborted
      ? new FxferError("interrupted")
      : localError(`get ${target.label}`, thrown);
    const ofAll = !OF_ONE_FILE.has(error.code) || error === this.fatal;
    if (ofAll) this.fatal ??= error;
    report.failed(target.label, error, ofAll);
  }
}

/** The bytes of an earlier run, with those fetched now, are not the file. */
class DamagedPart extends Error {}
