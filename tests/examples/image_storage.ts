/**
 * Example: a storage that takes images only, and leaves the rest to another storage.
 *
 * A wrapper hands on the capabilities of the storage it wraps. What it would not hand on would be absent:
 * without `partials`, for example, no upload would go on after a restart of the server.
 *
 * @module
 */
import {
  type DiskStorage,
  type Durability,
  type FileSpec,
  type FileStorage,
  FxferError,
  type MayPublish,
  type PartialFiles,
  type PutSpec,
  type StoredFile,
  type Upload,
} from "../../mod.ts";

/** Takes images; anything else is refused with `invalid_field`, and the client does not try again. */
export class ImageStorage implements FileStorage {
  readonly label: string;
  readonly durability: Durability;
  readonly partials: PartialFiles | undefined;
  readonly recover: FileStorage["recover"];
  readonly find: FileStorage["find"];
  readonly refresh: FileStorage["refresh"];
  readonly sweep: FileStorage["sweep"];
  readonly gather: FileStorage["gather"];
  readonly #disk: DiskStorage;

  /** Wraps a disk; disposing of the wrapper disposes of the disk. */
  constructor(disk: DiskStorage) {
    this.#disk = disk;
    // The capabilities of the disk need no `this`, so they are handed on as they are.
    ({
      label: this.label,
      durability: this.durability,
      partials: this.partials,
      recover: this.recover,
      find: this.find,
      refresh: this.refresh,
      sweep: this.sweep,
    } = disk);
    this.gather = disk.gather && ((spec, ...rest) => {
      mustBeImage(spec);
      return disk.gather!(spec, ...rest);
    });
  }

  put(
    spec: PutSpec,
    bytes: Uint8Array,
    crowded?: boolean,
    mayPublish?: MayPublish,
  ): StoredFile | Promise<StoredFile> {
    mustBeImage(spec);
    return this.#disk.put(spec, bytes, crowded, mayPublish);
  }

  async begin(spec: FileSpec): Promise<Upload> {
    mustBeImage(spec);
    return await this.#disk.begin(spec);
  }

  check(): Promise<void> {
    return this.#disk.check();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disk[Symbol.asyncDispose]();
  }
}

function mustBeImage({ mimeType }: { readonly mimeType: string }): void {
  if (mimeType.startsWith("image/")) return;
  throw new FxferError("invalid_field", "Cannot store file: only images are taken");
}
