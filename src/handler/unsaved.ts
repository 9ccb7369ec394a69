/**
 * Frames of one session that have run ahead of their save: one save covers all of them.
 *
 * While frames follow each other without a pause, each is judged by the record as it will be, and its file is
 * published. When the connection has no more of them, one compare-and-set saves what all of them did, and then
 * their replies are sent, in order. If the save is refused or fails, the record falls back to the one that is
 * saved: none of the frames has run, their replies are not sent, and a repetition finds the files that are
 * published already.
 *
 * Only files that nothing announces run ahead, so there is no partial file and no intent in between. Every other
 * change of the record first waits for the save.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { UnannouncedFile } from "../storage/mod.ts";

/** The change of a record that one frame makes. */
export type Change = (record: SessionRecord, now: number) => SessionRecord;

/** A frame that runs ahead. */
export interface Ahead {
  /** The file that it has published. */
  readonly file?: UnannouncedFile | undefined;
  /** Called once it is saved. */
  saved(before: SessionRecord, after: SessionRecord): void;
}

/** See the module's text. */
export class UnsavedFrames {
  /** The record with all of them. */
  record: SessionRecord;
  /** The save, once it has begun. */
  saving: Promise<void> | undefined;
  /** What they have published. */
  readonly files: UnannouncedFile[] = [];
  readonly #changes: Change[] = [];
  readonly #told: (() => void)[] = [];

  /** @param saved The record that the store has. */
  constructor(readonly saved: SessionRecord) {
    this.record = saved;
  }

  /** One frame more. */
  add(change: Change, now: number, frame: Ahead): SessionRecord {
    const before = this.record;
    const after = this.#next(change(before, now), this.saved);
    this.#changes.push(change);
    this.#told.push(() => frame.saved(before, after));
    if (frame.file !== undefined) this.files.push(frame.file);
    return this.record = after;
  }

  /** What all of them make of a record, which is another one if something else was saved meanwhile. */
  over(record: SessionRecord, now: number): SessionRecord {
    if (record === this.saved) return this.record;
    return this.#next(this.#changes.reduce((next, change) => change(next, now), record), record);
  }

  /** However many frames it has, the save is one version. */
  #next(record: SessionRecord, { version }: SessionRecord): SessionRecord {
    return record.version === version + 1 ? record : { ...record, version: version + 1 };
  }

  /** They are saved. */
  tell(): void {
    for (const told of this.#told) told();
  }

  /**
   * What a frame is answered whose save failed with `error`: the first one says why, and those behind it that a
   * frame before them is missing (S-SEQ-2).
   */
  errorFor(sequence: number, error: unknown): unknown {
    const first = this.saved.lastSequence + 1;
    const isLater = sequence > first && error instanceof FxferError;
    if (!isLater || error.code !== "store_unavailable") return error;
    return new FxferError("sequence_gap", "Cannot run frame: an earlier one is missing", {
      fields: { expected: first },
    });
  }
}
