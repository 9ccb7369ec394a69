/**
 * Example: a storage from scratch, with what every storage must do and no capability.
 *
 * It keeps files in memory, for tests of programs that embed the server. Files end with the process, so
 * its `ok` promises less than durability `process` says.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  type FileSpec,
  type FileStorage,
  FxferError,
  type MayPublish,
  type PutSpec,
  type SealedFile,
  type StoredFile,
  type Upload,
} from "../../mod.ts";

/** Keeps whole files in {@linkcode MemoryStorage.files}, by their paths. */
export class MemoryStorage implements FileStorage {
  readonly label = "memory";
  readonly durability = "process";
  /** The contents of all stored files. */
  readonly files: Map<string, Uint8Array> = new Map();

  // deno-lint-ignore require-await -- the contract is asynchronous
  async begin(spec: FileSpec): Promise<Upload> {
    return new MemoryUpload(this.files, spec.mimeType);
  }

  async put(
    spec: PutSpec,
    bytes: Uint8Array,
    _crowded?: boolean,
    mayPublish?: MayPublish,
  ): Promise<StoredFile> {
    const upload = await this.begin(spec);
    await upload.write(bytes);
    const { sha256 } = await upload.seal();
    if (spec.sha256 !== undefined && spec.sha256 !== sha256) {
      throw new FxferError("checksum_mismatch", "Cannot store file: its sha256 differs", {
        fields: { sha256 },
      });
    }
    return await upload.publish(mayPublish);
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class MemoryUpload implements Upload {
  readonly finalPath = `memory/${crypto.randomUUID()}`;
  readonly temporaryPath: string = this.finalPath;
  readonly #hash = createHash("sha256");
  readonly #files: Map<string, Uint8Array>;
  readonly #mimeType: string;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #sealed: SealedFile | undefined;
  #stored: StoredFile | undefined;
  #over = false;

  constructor(files: Map<string, Uint8Array>, mimeType: string) {
    this.#files = files;
    this.#mimeType = mimeType;
  }

  get offset(): number {
    return this.#size;
  }

  // A storage with a budget would throw `storage_full` here, in begin and in write.
  reserve(): void {}

  write(bytes: Uint8Array): void {
    if (this.#over || this.#sealed) throw new TypeError("Cannot write to upload: it is over");
    this.#hash.update(bytes);
    this.#pieces.push(bytes.slice()); // the caller may overwrite its bytes when this returns
    this.#size += bytes.length;
  }

  checkpoint(): Promise<number> {
    return Promise.resolve(this.#size);
  }

  // deno-lint-ignore require-await -- the contract is asynchronous
  async seal(): Promise<SealedFile> {
    const { temporaryPath, finalPath } = this;
    return this.#sealed ??= {
      temporaryPath,
      finalPath,
      size: this.#size,
      sha256: this.#hash.digest("hex"),
      mimeType: this.#mimeType,
    };
  }

  // deno-lint-ignore require-await -- the contract is asynchronous
  async publish(mayPublish?: MayPublish): Promise<StoredFile> {
    if (this.#stored !== undefined) return this.#stored;
    if (this.#sealed === undefined || this.#over) {
      throw new TypeError("Cannot publish upload: it is not sealed, or discarded");
    }
    const { finalPath: path, size, sha256, mimeType } = this.#sealed;
    mayPublish?.(); // whoever lost the session meanwhile publishes nothing
    this.#files.set(path, Buffer.concat(this.#pieces, size));
    this.#end();
    return this.#stored = { path, size, sha256, mimeType, replayed: false };
  }

  /** Nothing can be opened again here, so the bytes go. */
  release(): Promise<void> {
    return this.discard();
  }

  discard(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  #end(): void {
    this.#over = true;
    this.#pieces = [];
  }
}
