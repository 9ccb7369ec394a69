/** Where file bytes live: names, digests, budget, durability, the manifest. @module */
export type {
  Durability,
  FileSpec,
  FileStorage,
  PartialFile,
  PutSpec,
  SealedFile,
  StoredFile,
  Tier,
  Upload,
} from "./types.ts";
export { DiskStorage, type DiskStorageOptions } from "./disk.ts";
export type { Flush } from "./flush.ts";
export type { Naming, RandomHex } from "./naming.ts";
