/** One file that is being received. @module */
import type { FxferError } from "../errors.ts";
import { commitDurably, commitNow, syncFolders, type WholeFile } from "./commit.ts";
import type { Sha256, StorageCore } from "./core.ts";
import { asStorageError } from "./io_errors.ts";
import type { FileSpec, SealedFile, StoredFile, Upload } from "./types.ts";

/** What a new or reopened upload starts from. */
export interface UploadStart {
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly spec: FileSpec;
  readonly file: Deno.FsFile;
  /** Has seen the first `offset` bytes. */
  readonly hash: Sha256;
  readonly offset: number;
  /** Bytes reserved in the budget already. */
  readonly reserved: number;
}

/**
 * Fewer bytes than this are written at once. More than for a whole file ({@linkcode PUT_ON_THREAD_POOL_BYTES}),
 * whose opening and closing the thread pool takes over too.
 */
const WRITE_LATER_BYTES = 64 * 1024;

type Stage = "writing" | "sealed" | "published" | "over";

/** {@linkcode Upload} on a disk. Its handle's own position is always `offset`. */
export class DiskUpload implements Upload {
  readonly temporaryPath: string;
  readonly finalPath: string;
  readonly #core: StorageCore;
  readonly #spec: FileSpec;
  readonly #hash: Sha256;
  #file: Deno.FsFile | undefined;
  #offset: number;
  #reserved: number;
  /** How much of the reservation is on the disk. */
  #written: number;
  #stage: Stage = "writing";
  #sealed: SealedFile | undefined;
  #whole: WholeFile | undefined;
  #stored: StoredFile | undefined;
  /** The first error is final: after ENOSPC a later sync still succeeds. */
  #failure: FxferError | undefined;
  /** At level `durable` the temporary name itself must be on the disk before an offset is. */
  #nameSynced = false;

  constructor(core: StorageCore, start: UploadStart) {
    this.#core = core;
    this.temporaryPath = start.temporaryPath;
    this.finalPath = start.finalPath;
    this.#spec = start.spec;
    this.#file = start.file;
    this.#hash = start.hash;
    this.#offset = start.offset;
    this.#reserved = start.reserved;
    this.#written = Math.min(start.offset, start.reserved);
    core.budget.wrote(this.#written);
    core.open.set(start.temporaryPath, this);
  }

  get offset(): number {
    return this.#offset;
  }

  reserve(total: number): void {
    if (total <= this.#reserved) return;
    this.#core.budget.reserve(total - this.#reserved);
    this.#reserved = total;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    const file = this.#writable("write to");
    if (bytes.length === 0) return;
    this.reserve(this.#offset + bytes.length);
    return bytes.length < WRITE_LATER_BYTES
      ? this.#writeNow(file, bytes)
      : this.#writeLater(file, bytes);
  }

  #writeNow(file: Deno.FsFile, bytes: Uint8Array): void {
    this.#hash.update(bytes);
    try {
      for (let done = 0; done < bytes.length;) {
        const count = file.writeSync(bytes.subarray(done));
        if (count === 0) throw new Deno.errors.WriteZero("nothing was written");
        done += count;
        this.#advance(count);
      }
    } catch (error) {
      throw this.#fail("Cannot write upload", error);
    }
  }

  /**
   * The hash runs here while the thread pool writes, and so may the caller's next read: 800 MB/s instead
   * of 700. A disk that is slow for a moment holds up nobody else.
   */
  async #writeLater(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
    try {
      let pending = file.write(bytes);
      this.#hash.update(bytes);
      for (let done = 0; done < bytes.length;) {
        const count = await pending;
        if (count === 0) throw new Deno.errors.WriteZero("nothing was written");
        done += count;
        this.#advance(count);
        if (done < bytes.length) pending = file.write(bytes.subarray(done));
      }
    } catch (error) {
      throw this.#fail("Cannot write upload", error);
    }
  }

  #advance(count: number): void {
    // Released by another handler while the pool wrote: the bytes belong to its successor.
    if (this.#stage !== "writing") throw new TypeError("Cannot write to upload: it is over");
    this.#offset += count;
    this.#written += count;
    this.#core.budget.wrote(count);
  }

  async checkpoint(): Promise<number> {
    const file = this.#writable("checkpoint");
    const offset = this.#offset;
    try {
      await this.#flush(file);
    } catch (error) {
      throw this.#fail("Cannot flush upload", error);
    }
    return offset;
  }

  async #flush(file: Deno.FsFile): Promise<void> {
    const { durability, flush } = this.#core;
    if (durability === "process") return;
    await flush.contents(file, durability);
    if (durability === "durable" && !this.#nameSynced) {
      await syncFolders(this.#core, this.temporaryPath);
      this.#nameSynced = true;
    }
  }

  async seal(): Promise<SealedFile> {
    if (this.#sealed !== undefined) return this.#sealed;
    const file = this.#writable("seal");
    try {
      await this.#flush(file);
    } catch (error) {
      throw this.#fail("Cannot flush upload", error);
    }
    this.#closeFile();
    const { temporaryPath, finalPath } = this;
    const size = this.#offset;
    const sha256 = this.#hash.digest("hex");
    this.#stage = "sealed";
    this.#whole = { spec: this.#spec, temporaryPath, finalPath, size, sha256 };
    this.#sealed = { temporaryPath, finalPath, size, sha256, mimeType: this.#spec.mimeType };
    return this.#sealed;
  }

  async publish(): Promise<StoredFile> {
    if (this.#stored !== undefined) return this.#stored;
    if (this.#failure !== undefined) throw this.#failure;
    const whole = this.#whole;
    if (whole === undefined || this.#stage !== "sealed") {
      throw new TypeError(`Cannot publish upload: it is ${this.#stage}`);
    }
    const id = this.#spec.uploadId;
    // Two uploads with one id: the second waits until it is known whether the first was stored.
    while (id !== undefined && this.#core.committing.has(id)) {
      await this.#core.committing.get(id)?.catch(() => {});
    }
    const replay = this.#core.index.replay(id, whole.sha256);
    try {
      // Not final: the file is whole and sealed, so another try may succeed.
      this.#stored = replay ?? await this.#commit(whole);
    } catch (error) {
      throw asStorageError("Cannot publish upload", error);
    }
    if (replay !== undefined) this.#core.folder.remove(this.temporaryPath);
    this.#stage = "published";
    this.#leave();
    return this.#stored;
  }

  #commit(whole: WholeFile): StoredFile | Promise<StoredFile> {
    if (this.#core.durability !== "durable") return commitNow(this.#core, whole);
    const committed = commitDurably(this.#core, whole);
    const id = this.#spec.uploadId;
    if (id !== undefined) {
      const settled = committed.finally(() => this.#core.committing.delete(id));
      this.#core.committing.set(id, settled);
      settled.catch(() => {});
    }
    return committed;
  }

  // deno-lint-ignore require-await -- the contract leaves room for storages that must wait
  async discard(): Promise<void> {
    // After release the bytes may be a successor's.
    if (this.#stage === "published" || this.#stage === "over") return;
    this.#end();
    try {
      this.#core.folder.remove(this.temporaryPath);
    } catch (error) {
      throw asStorageError("Cannot discard upload", error);
    }
  }

  async release(): Promise<void> {
    if (this.#core.folder.tier === "W") return await this.discard();
    if (this.#stage !== "published") this.#end();
  }

  #end(): void {
    this.#closeFile();
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#leave();
  }

  /** Gives the reservation back and is no longer among the open ones. */
  #leave(): void {
    this.#core.budget.release(this.#reserved, this.#written);
    this.#reserved = this.#written = 0;
    if (this.#core.open.get(this.temporaryPath) === this) {
      this.#core.open.delete(this.temporaryPath);
    }
  }

  #writable(action: string): Deno.FsFile {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stage === "writing" && this.#file !== undefined) return this.#file;
    throw new TypeError(`Cannot ${action} upload: it is ${this.#stage}`);
  }

  #fail(action: string, error: unknown): FxferError {
    this.#failure = asStorageError(action, error);
    // The handle is of no use any more; the bytes stay for reopen or discard.
    this.#closeFile();
    return this.#failure;
  }

  #closeFile(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}
