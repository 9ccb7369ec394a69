/** The notes of other processes that are alone on the folder, or were until this one came (alone.ts). @module */
import { hasLine, leftIn } from "./claim.ts";
import type { ManifestEntry } from "./manifest_lines.ts";

/** Notes whose processes may still publish what stands in them, by their paths. */
export class Notes {
  readonly #files = new Map<string, Deno.FsFile>();
  readonly #emptied: () => void;

  /** @param emptied Called when the last one counts no more. */
  constructor(emptied: () => void) {
    this.#emptied = emptied;
  }

  /** The paths of the notes. */
  get paths(): string[] {
    return [...this.#files.keys()];
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  /** Adds the note of another process, which is closed when it counts no more. */
  add(path: string, file: Deno.FsFile): void {
    if (this.#files.has(path)) file.close();
    else this.#files.set(path, file);
  }

  /** The note at this path counts no more: it is finished, or removed by its process. */
  drop(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    file.close();
    this.#files.delete(path);
    if (this.isEmpty) this.#emptied();
  }

  /**
   * What one of the processes is about to publish under an upload id. Asked by a process that has removed their
   * tokens.
   */
  find(uploadId: string): ManifestEntry | undefined {
    for (const [, entry] of this.having(uploadId)) return entry;
    return undefined;
  }

  /** The paths of the notes that have an upload id, and what they say of its file. */
  *having(uploadId: string): Generator<[path: string, entry: ManifestEntry]> {
    for (const [path, file] of this.#files) {
      if (!hasLine(file)) {
        // It was wiped out after its process had lost the token, so what is written there later is not published.
        this.drop(path);
        continue;
      }
      for (const { content } of leftIn(file, 1)) {
        if (!("removed" in content) && content.uploadId === uploadId) yield [path, content];
      }
    }
  }

  /** Closes all of them. */
  close(): void {
    for (const path of this.paths) this.drop(path);
  }
}
