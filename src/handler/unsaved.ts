/**
 * Frames of one session that have run ahead of their save: one save covers all of them.
 *
 * While frames follow each other without a pause, each is judged by the record as it will be, and its file is
 * published, or gathered to be published with the others. When the connection has no more of them, what is gathered
 * is published, one compare-and-set saves what all of them did, and then their replies are sent, in order. If a
 * gathered file cannot be stored, the frames before it are saved: it and those behind it have not run. If the save
 * is refused or fails, the record falls back to the one that is saved: none of the frames has run, their replies are
 * not sent, and a repetition finds the files that are published already.
 *
 * Only files that nothing announces run ahead, so there is no partial file and no intent in between. Every other
 * change of the record first waits for the save.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import type { SessionRecord } from "../session/mod.ts";
import type { GatheredFile, UnannouncedFile } from "../storage/mod.ts";

/** The change of a record that one frame makes. */
export type Change = (record: SessionRecord, now: number) => SessionRecord;

/** A frame that runs ahead. */
export interface Ahead {
  /** The file that it has published. */
  readonly file?: UnannouncedFile | undefined;
  /** The same file, if it is published with those of other frames. */
  readonly gathered?: GatheredFile | undefined;
  /** Called once it is saved. */
  saved(before: SessionRecord, after: SessionRecord): void;
}

/** One frame, what it makes of the record, and how it came to that. */
interface UnsavedFrame extends Ahead {
  readonly change: Change;
  readonly before: SessionRecord;
  readonly after: SessionRecord;
}

/** See the module's text. */
export class UnsavedFrames {
  /** The record with all of them. */
  record: SessionRecord;
  /** The save, once it has begun. */
  saving: Promise<void> | undefined;
  /** Why a gathered file could not be stored. */
  failure: unknown;
  /** Whether there is a gathered file among them. */
  gathers = false;
  readonly #frames: UnsavedFrame[] = [];

  /** @param saved The record that the store has. */
  constructor(readonly saved: SessionRecord) {
    this.record = saved;
  }

  /** One frame more. */
  add(change: Change, now: number, frame: Ahead): SessionRecord {
    const before = this.record;
    const after = this.#next(change(before, now), this.saved);
    this.#frames.push({ ...frame, change, before, after });
    if (frame.gathered !== undefined) this.gathers = true;
    return this.record = after;
  }

  /** Publishes what is gathered. If a file fails, its frame and those behind it are taken out. */
  publish(): void {
    const failed = this.#frames.findIndex(({ gathered }) => {
      try {
        gathered?.store();
        return false;
      } catch (error) {
        this.failure = error;
        return true;
      }
    });
    if (failed < 0) return;
    this.record = this.#frames[failed]!.before;
    this.#frames.length = failed;
  }

  /** What they have published. */
  get files(): UnannouncedFile[] {
    return this.#frames.flatMap(({ file }) => file ?? []);
  }

  /** What all of them make of a record, which is another one if something else was saved meanwhile. */
  over(record: SessionRecord, now: number): SessionRecord {
    if (record === this.saved) return this.record;
    return this.#next(this.#frames.reduce((next, { change }) => change(next, now), record), record);
  }

  /** However many frames it has, the save is one version. */
  #next(record: SessionRecord, { version }: SessionRecord): SessionRecord {
    return record.version === version + 1 ? record : { ...record, version: version + 1 };
  }

  /** They are saved. */
  tell(): void {
    for (const { saved, before, after } of this.#frames) saved(before, after);
  }

  /**
   * What a frame is answered where its save, or the storing of a file, has failed with `error`; undefined if it has
   * run nevertheless. The first that has not run says why, and those behind it that a frame before them is missing
   * (S-SEQ-2).
   */
  errorFor(sequence: number, error: unknown): unknown {
    const isFile = error === this.failure;
    const first = (isFile ? this.record : this.saved).lastSequence + 1;
    if (sequence < first) return undefined;
    const isMissing = isFile || (error instanceof FxferError && error.code === "store_unavailable");
    if (sequence === first || !isMissing) return error;
    return new FxferError("sequence_gap", "Cannot run frame: an earlier one is missing", {
      fields: { expected: first },
    });
  }
}
