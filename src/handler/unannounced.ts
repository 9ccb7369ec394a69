/**
 * Small files that the holder of a session publishes before any save speaks of them, and those that it found
 * published when it got the session (S-SEQ-9).
 *
 * The first small file of a connection is announced as large ones are: a session that ends soon needs no journal.
 * With the second one a journal begins. From the save on that announces this file, the holder knows that it had
 * the session when the journal began; so the next holder finds the journal, and takes it over.
 *
 * @module
 */
import { ComputedDigest, type Journal, type Journals, type StoredFile } from "../storage/mod.ts";
import type { PutSpec, UnannouncedFile } from "../storage/mod.ts";

/** What one attachment has published, or found published, that no save speaks of. */
export class UnannouncedFiles {
  readonly #journals: Journals;
  readonly #session: string;
  #announced = 0;
  /** A journal that no save has confirmed yet. */
  #begun: Journal | undefined;
  #journal: Journal | undefined;
  #found: readonly UnannouncedFile[] = [];

  constructor(journals: Journals, session: string) {
    this.#journals = journals;
    this.#session = session;
  }

  /** Where the next file may be noted, instead of being announced. */
  get journal(): Journal | undefined {
    return this.#journal;
  }

  /** A small file is about to be announced. Throws what the storage throws. */
  begin(): void {
    if (this.#announced++ > 0 && this.#journal === undefined) {
      this.#begun ??= this.#journals.begin(this.#session);
    }
  }

  /** The file was announced, by a save under the holder's epoch. */
  confirm(): void {
    this.#journal ??= this.#begun;
    this.#begun = undefined;
  }

  /** Takes over what earlier holders have left. @param after Files up to this number are saved. */
  async takeOver(after: number): Promise<void> {
    this.#found = await this.#journals.takeOver(this.#session, after);
  }

  /** The journal is another holder's now, or gone: the next file is announced, and a journal begins with it. */
  lose(): void {
    this.#journal?.close(false);
    this.#journal = undefined;
  }

  /** The save of files that are published has failed: their frames may come again. */
  add(files: readonly UnannouncedFile[]): void {
    this.#found = [...this.#found, ...files];
  }

  /** Everything up to this number is saved. */
  saved(sequence: number): void {
    if (this.#found.length > 0) {
      this.#found = this.#found.filter((file) => file.sequence > sequence);
    }
    if (this.#found.length === 0) this.#journal?.saved();
  }

  /** Whether a file that is stored already is of a frame that no save speaks of. */
  has({ path }: StoredFile): boolean {
    return this.#found.some((file) => file.path === path);
  }

  /**
   * The file that an earlier run of a frame has stored, if it has no upload id by which it is found. The number
   * may have been a later one: a store that has lost data expects a smaller number than before.
   */
  match(
    { name, uploadId, sha256: wanted, session }: PutSpec,
    { size, sha256 }: { readonly size: number; readonly sha256: () => string },
  ): StoredFile | undefined {
    if (uploadId !== undefined) return undefined;
    const sequence = session?.sequence ?? 0;
    const alike = this.#found.filter((file) =>
      file.uploadId === undefined && file.name === name && file.size === size &&
      file.sequence >= sequence && file.sha256 === sha256() && file.sha256 === (wanted ?? sha256())
    );
    const found = alike.find((file) => file.sequence === sequence) ?? alike[0];
    if (found === undefined) return undefined;
    const { path, mimeType } = found;
    return { path, size, mimeType, sha256: found.sha256, replayed: true };
  }

  /** The same for bytes in memory. */
  matchBytes(spec: PutSpec, bytes: Uint8Array, digest?: ComputedDigest): StoredFile | undefined {
    if (this.#found.length === 0) return undefined;
    const sha256 = () => (digest ??= new ComputedDigest(bytes)).of(bytes)!;
    return this.match(spec, { size: bytes.length, sha256 });
  }

  /** The connection lets go of the session. @param isSaved Whether everything is saved that has run. */
  close(isSaved: boolean): void {
    this.#begun?.close(false);
    this.#journal?.close(isSaved && this.#found.length === 0);
    this.#begun = this.#journal = undefined;
  }
}
