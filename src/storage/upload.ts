/** A file that is being received piece by piece. @module */
import type { FxferError } from "../errors.ts";
import type { IdClaim } from "./claim.ts";
import { type ComputedDigest, UploadDigest } from "./digest.ts";
import { commitDurably, commitNow, syncFolders, type WholeFile } from "./commit.ts";
import type { DiskParts } from "./disk_parts.ts";
import { asStorageError, isTaken } from "./io_errors.ts";
import { claimLater, claimNow, firstResult } from "./once.ts";
import { isOriginalPath } from "./original_names.ts";
import { removeUnlisted } from "./recovery.ts";
import { choosePath, nameTaken } from "./taken_names.ts";
import type { FileSpec, MayPublish, SealedFile, StoredFile, Upload } from "./types.ts";
import type { UploadStart } from "./upload_start.ts";

/** Fewer bytes are written on the main thread; in put.ts the number is smaller, as the pool opens the file too. */
const THREAD_POOL_BYTES = 64 * 1024;

type Stage = "writing" | "sealed" | "published" | "over";

/** {@linkcode Upload} on a disk. The position of its file is always `offset`. */
export class DiskUpload implements Upload {
  readonly temporaryPath: string;
  finalPath: string;
  /** Whether a session's record names the file when it is published. */
  announced: boolean;
  readonly #parts: DiskParts;
  readonly #spec: FileSpec;
  readonly #digest: UploadDigest;
  #file: Deno.FsFile | undefined;
  #offset: number;
  #reserved: number;
  #stage: Stage = "writing";
  /** The digest of all bytes, once there come no more. */
  #sha256: string | undefined;
  #sealed: SealedFile | undefined;
  #whole: WholeFile | undefined;
  #stored: StoredFile | undefined;
  /** The first error, which is final: after a full disk a flush succeeds although bytes are missing. */
  #failure: FxferError | undefined;
  /** Whether the temporary name is flushed: at level `durable` no offset is durable before it. */
  #nameSynced = false;

  constructor(parts: DiskParts, start: UploadStart) {
    this.#parts = parts;
    this.temporaryPath = start.temporaryPath;
    this.finalPath = start.finalPath;
    this.#spec = start.spec;
    this.announced = start.spec.session !== undefined;
    this.#file = start.file;
    this.#digest = new UploadDigest(start.hash);
    this.#offset = start.offset;
    this.#reserved = Math.max(start.spec.reserve, start.offset);
    parts.open.set(start.temporaryPath, this);
    if (start.unread !== undefined) {
      const isOver = () => this.#stage !== "writing" || this.#failure !== undefined;
      const tooShort = () => this.#fail("Cannot read upload", new Deno.errors.UnexpectedEof());
      this.#digest.catchUp(start.unread, () => isOver() ? undefined : this.#offset, tooShort);
    }
  }

  get offset(): number {
    return this.#offset;
  }

  reserve(total: number): void {
    if (total <= this.#reserved) return;
    this.#parts.budget.reserve(total - this.#reserved);
    this.#reserved = total;
  }

  write(bytes: Uint8Array, digest?: ComputedDigest): void | Promise<void> {
    const file = this.#writable("write to");
    if (bytes.length === 0) return;
    if (this.#digest.isKnown) throw new TypeError("Cannot write to upload: it was whole");
    if (this.#offset === 0) this.#digest.takeKnown(digest?.of(bytes));
    this.reserve(this.#offset + bytes.length);
    if (bytes.length < THREAD_POOL_BYTES) return this.#writeNow(file, bytes);
    return this.#writeOnThreadPool(file, bytes);
  }

  #writeNow(file: Deno.FsFile, bytes: Uint8Array): void {
    this.#digest.update(bytes);
    try {
      for (let done = 0; done < bytes.length;) {
        const count = file.writeSync(bytes.subarray(done));
        this.#advance(count);
        done += count;
      }
    } catch (error) {
      throw this.#fail("Cannot write upload", error);
    }
  }

  /**
   * The thread pool writes while this thread computes the digest and the caller may read more from the
   * network: 800 MB/s instead of 700. A disk that is slow for a moment delays no other connection.
   */
  async #writeOnThreadPool(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
    this.#digest.beginWrite();
    try {
      let pending = file.write(bytes);
      this.#digest.update(bytes);
      for (let done = 0; done < bytes.length;) {
        const count = await pending;
        this.#advance(count);
        done += count;
        if (done < bytes.length) pending = file.write(bytes.subarray(done));
      }
    } catch (error) {
      throw this.#fail("Cannot write upload", error);
    } finally {
      this.#digest.endWrite();
    }
  }

  #advance(count: number): void {
    if (count === 0) throw new Deno.errors.WriteZero("nothing was written");
    // The upload was released or discarded during the write: the bytes may be another upload's now.
    if (this.#stage !== "writing") throw new TypeError("Cannot write to upload: it is over");
    this.#offset += count;
    this.#parts.budget.wrote(count);
  }

  async checkpoint(): Promise<number> {
    const file = this.#writable("checkpoint");
    const offset = this.#offset;
    await this.#flush(file);
    return offset;
  }

  async #flush(file: Deno.FsFile): Promise<void> {
    const { durability, flush, folder } = this.#parts;
    try {
      const info = folder.tier === "RW" ? file.statSync() : undefined;
      const isCut = info !== undefined && info.size < this.#offset;
      if (isCut || (info !== undefined && !folder.holds(this.temporaryPath, info))) {
        throw new Deno.errors.NotFound("somebody has moved, removed or cut the partial file");
      }
      if (durability === "process") return;
      await flush.contents(file, durability);
      if (durability === "durable" && !this.#nameSynced) {
        await syncFolders(this.#parts, this.temporaryPath);
        this.#nameSynced = true;
      }
    } catch (error) {
      throw this.#fail("Cannot flush upload", error);
    }
  }

  async seal(): Promise<SealedFile> {
    if (this.#sealed !== undefined) return this.#sealed;
    if (this.#sha256 === undefined) {
      await this.#flush(this.#writable("seal"));
      if (this.#digest.reading !== undefined) await this.#digest.reading;
      this.#writable("seal"); // the session's next holder may have released it meanwhile
      this.#closeFile();
      this.#sha256 = this.#digest.hex();
      this.#stage = "sealed";
    } else if (this.#stage !== "sealed") {
      throw new TypeError(`Cannot seal upload: it is ${this.#stage}`);
    }
    const [content, spec] = [{ size: this.#offset, sha256: this.#sha256 }, this.#spec];
    const { finalPath, existing } = await choosePath(this.#parts, spec, this.finalPath, content);
    const { temporaryPath, announced } = this;
    this.finalPath = finalPath;
    this.#whole = { spec, temporaryPath, finalPath, ...content, announced };
    this.#sealed = { temporaryPath, finalPath, ...content, mimeType: spec.mimeType };
    if (existing !== undefined) this.#sealed = { ...this.#sealed, existing };
    return this.#sealed;
  }

  async publish(mayPublish?: MayPublish): Promise<StoredFile> {
    if (this.#stored !== undefined) return this.#stored;
    if (this.#failure !== undefined) throw this.#failure;
    const whole = this.#whole;
    if (whole === undefined || this.#stage !== "sealed") {
      throw new TypeError(`Cannot publish upload: it is ${this.#stage}`);
    }
    const { reading, durability } = this.#parts;
    const { uploadId } = this.#spec;
    let claim: IdClaim | undefined;
    try {
      if (reading !== undefined && uploadId !== undefined) {
        claim = claimNow(reading, uploadId) ??
          await claimLater(this.#parts, reading, uploadId);
      } else if (durability === "durable") {
        claim = reading?.claims.fresh();
      }
      // Nothing is awaited from the claim to the commit, at level `durable` to its first step.
      const replay = whole.listed === undefined && whole.named !== true
        ? firstResult(this.#parts, uploadId, whole.sha256, claim) ??
          this.#sealed?.existing
        : undefined;
      // A failure is not final here: the file is whole and sealed, so another try may succeed.
      this.#stored = replay ?? await this.#commit(whole, claim, mayPublish);
      if (replay !== undefined) this.#parts.folder.remove(this.temporaryPath);
    } catch (error) {
      const isClash = isTaken(error) && isOriginalPath(whole.finalPath);
      const reason = isClash ? nameTaken(error) : asStorageError("Cannot publish upload", error);
      // The next seal() chooses another name, or says that there is none.
      if (reason.code === "name_taken") this.#sealed = undefined;
      if (this.announced || !isClash) throw reason;
    } finally {
      claim?.end();
    }
    if (this.#stored === undefined) {
      await this.seal();
      return await this.publish(mayPublish);
    }
    this.#end("published");
    return this.#stored;
  }

  #commit(
    whole: WholeFile,
    claim: IdClaim | undefined,
    mayPublish: MayPublish | undefined,
  ): StoredFile | Promise<StoredFile> {
    const { durability, reading } = this.#parts;
    return durability === "durable" && reading !== undefined && claim !== undefined
      ? commitDurably(this.#parts, reading, whole, claim, mayPublish)
      : commitNow(this.#parts, whole, claim, mayPublish);
  }

  // deno-lint-ignore require-await -- the contract leaves room for storages that must wait
  async discard(): Promise<void> {
    // After release the bytes may belong to an upload that has reopened them.
    if (this.#stage === "published" || this.#stage === "over") return;
    this.#end("over");
    try {
      this.#parts.folder.remove(this.temporaryPath);
    } catch (error) {
      throw asStorageError("Cannot discard upload", error);
    }
  }

  async release(): Promise<void> {
    if (this.#parts.folder.tier === "W") return await this.discard();
    if (this.#stage !== "published" && this.#stage !== "over") this.#end("over");
  }

  async withdraw(): Promise<void> {
    await this.discard();
    if (this.#stored === undefined && this.#whole) await removeUnlisted(this.#parts, this.#whole);
  }

  /** Closes the file, gives the reservation back and leaves the list of open uploads. */
  #end(stage: "published" | "over"): void {
    this.#closeFile();
    this.#stage = stage;
    this.#parts.budget.release(this.#reserved, this.#offset);
    if (this.#parts.open.get(this.temporaryPath) === this) {
      this.#parts.open.delete(this.temporaryPath);
    }
  }

  #writable(action: string): Deno.FsFile {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stage === "writing" && this.#file !== undefined) return this.#file;
    throw new TypeError(`Cannot ${action} upload: it is ${this.#stage}`);
  }

  /** Nothing more will be written. The bytes stay, to be reopened or discarded. */
  #fail(action: string, error: unknown): FxferError {
    this.#closeFile();
    return this.#failure = asStorageError(action, error);
  }

  #closeFile(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}
