/** The calls that have no payload: a page of a list, and the removal of a file (S-LST, S-REM). @module */
import { FxferError } from "../errors.ts";
import {
  type FileInfo,
  type ListData,
  MAX_NAME_BYTES,
  MAX_PATH_LENGTH,
  type RemoveData,
  type ReplyBody,
} from "../protocol/mod.ts";
import { Call } from "./call.ts";
import { checkName } from "./file_facts.ts";
import { fileOf } from "./replies.ts";
import type { RemoveResult } from "./stored_types.ts";

/** One page. */
export interface ListPage {
  readonly files: readonly FileInfo[];
  /** Names the page behind this one; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * Asks for one page of a list. A page behind another one is asked for by the cursor of the page before; or
 * while that page is still on its way, right behind its request on the same connection (S-LST-2).
 */
export class ListCall extends Call<ListPage> {
  readonly kind = "list";
  readonly #which: ListData;
  #before: ListCall | undefined;
  /** The cursor that came with the page; null at the end, undefined until it is here. */
  #next: string | null | undefined;

  /** @param before The page before this one, if it is not the first. */
  constructor(which: ListData, before?: ListCall) {
    super("list files");
    if (which.name !== undefined) checkName(which.name, "list");
    if (new TextEncoder().encode(which.prefix).length > MAX_NAME_BYTES) {
      throw new RangeError(`Cannot list: prefix is over ${MAX_NAME_BYTES} bytes`);
    }
    this.#which = which;
    this.#before = before;
  }

  override get goesOn(): boolean {
    return this.#before !== undefined;
  }

  override mayBeAsked(lastPage: Call | undefined, features: readonly string[] = []): boolean {
    const before = this.#before;
    if (before === undefined || typeof before.#next === "string") return true;
    return before === lastPage && before.state === "asked" && features.includes("follows");
  }

  override get data(): ListData {
    if (this.#before === undefined) return this.#which;
    const after = this.#before.#next;
    return typeof after === "string"
      ? { ...this.#which, after }
      : { ...this.#which, follows: true };
  }

  override succeeded({ files, next }: ReplyBody): void {
    const known = Array.isArray(files) ? files.map(fileOf) : [undefined];
    if (!known.every((file) => file !== undefined)) {
      return this.misanswered("the server's reply has no list of files");
    }
    this.#next = typeof next === "string" ? next : null;
    this.#before = undefined; // or the pages of a long list would all be kept
    this.resolve({ files: known, next: this.#next ?? undefined });
  }
}

/**
 * Finds out that a list goes round in circles, and keeps one cursor for that, however long the list is: the one
 * of a page whose number is a power of two. A circle is found before the program has seen it three times.
 */
export class Circle {
  #kept: string | undefined;
  #pages = 0;
  #keepAt = 1;

  /** Takes in the cursor that a page came with. @throws {FxferError} `protocol_error` if a page came with it before. */
  pass(next: string): void {
    if (next === this.#kept) {
      throw new FxferError("protocol_error", "Cannot list files: the server's list has no end");
    }
    if (++this.#pages < this.#keepAt) return;
    this.#kept = next;
    this.#keepAt *= 2;
  }
}

/** Removes a file. In a session that is exactly once (S-ACT-1). */
export class RemoveCall extends Call<RemoveResult> {
  readonly kind = "remove";
  readonly data: RemoveData;

  constructor(path: string) {
    super("remove file");
    if (path.length > MAX_PATH_LENGTH) {
      throw new RangeError(`Cannot remove: path is over ${MAX_PATH_LENGTH} characters`);
    }
    this.data = { path };
  }

  override succeeded({ file, replayed = false }: ReplyBody): void {
    this.resolve({ file: fileOf(file), replayed });
  }

  override refused(body: ReplyBody): void {
    // The reply was lost, or is kept no longer: an earlier try has removed the file.
    const isGone = body.code === "not_found" && this.mayHaveRun || body.code === "replay_too_old";
    if (isGone) this.resolve({ file: undefined, replayed: true });
    else super.refused(body);
  }
}
