/** The calls that have no payload: a page of a list, and the removal of a file (S-LST, S-REM). @module */
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

/** Asks for one page of a list. */
export class ListCall extends Call<ListPage> {
  readonly kind = "list";
  readonly data: ListData;

  constructor(data: ListData) {
    super("list files");
    if (data.name !== undefined) checkName(data.name, "list");
    if (new TextEncoder().encode(data.prefix).length > MAX_NAME_BYTES) {
      throw new RangeError(`Cannot list: prefix is over ${MAX_NAME_BYTES} bytes`);
    }
    this.data = data;
  }

  override succeeded({ files, next }: ReplyBody): void {
    const known = Array.isArray(files) ? files.map(fileOf) : [undefined];
    if (!known.every((file) => file !== undefined)) {
      return this.misanswered("the server's reply has no list of files");
    }
    // A page that names itself as the next one would never end.
    const more = typeof next === "string" && next !== this.data.after ? next : undefined;
    this.resolve({ files: known, next: more });
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
