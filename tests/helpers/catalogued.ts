/**
 * A storage whose catalogue reads the manifest anew for each question. It is slow and simple, so that tests
 * of handlers can hold it back, let it fail, and cut its files short.
 *
 * @module
 */
import { FxferError } from "../../src/errors.ts";
import type {
  Catalogue,
  DiskStorage,
  FileKey,
  FileStorage,
  ListedFile,
  OpenedFile,
  OwnedBy,
} from "../../src/storage/mod.ts";
import { type ManifestLine, readManifest } from "./files.ts";

const textOf = (value: unknown) => value as string | undefined;

function fileOf(line: ManifestLine): ListedFile {
  const optional = {
    name: textOf(line.name),
    user: textOf(line.user),
    session: textOf(line.session),
    mtimeMs: line.mtime_ms,
    executable: line.executable,
  };
  const known = Object.fromEntries(Object.entries(optional).filter(([, v]) => v !== undefined));
  const { path, size, sha256 } = line;
  const storedAt = Date.parse(textOf(line.time)!);
  return { path, size, sha256, mimeType: textOf(line.mime_type)!, storedAt, ...known };
}

/** What tests do to a catalogue. */
export class Catalogued implements Catalogue {
  readonly removed: Map<string, ListedFile> = new Map();
  /** How often a file was really removed. */
  removals = 0;
  /** Called before each piece is read. */
  onRead: (offset: number) => Promise<void> | void = () => {};
  /** Called after a file was removed and before the caller hears of it. */
  onRemoved: () => void = () => {};

  constructor(readonly folder: string) {}

  /** The storage of a disk, with this catalogue. */
  over(disk: DiskStorage): FileStorage {
    const { label, durability, partials, recover, find, refresh, sweep } = disk;
    return {
      ...{ label, durability, partials, recover, find, refresh, sweep },
      put: (...args) => disk.put(...args),
      begin: (spec) => disk.begin(spec),
      check: () => disk.check(),
      catalogue: this,
      [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
    };
  }

  async #files({ owner }: OwnedBy): Promise<ListedFile[]> {
    const files = (await readManifest(this.folder)).map(fileOf);
    return files.filter(({ path, user }) =>
      !this.removed.has(path) && (owner === undefined || (user ?? null) === owner)
    ).reverse();
  }

  async list(query: Parameters<Catalogue["list"]>[0]): ReturnType<Catalogue["list"]> {
    const { prefix = "", name, session, after = "0", limit, order } = query;
    if (!/^\d+$/.test(after)) {
      const fields = { field: "after" };
      throw new FxferError("invalid_field", "Cannot list files: after is made up", { fields });
    }
    const nameOf = (file: ListedFile) => file.name ?? file.path;
    const all = (await this.#files(query)).filter((file) =>
      nameOf(file).startsWith(prefix) && (name ?? nameOf(file)) === nameOf(file) &&
      (session ?? file.session) === file.session
    );
    if (order === "name") all.sort((a, b) => nameOf(a) < nameOf(b) ? -1 : 1);
    const end = Number(after) + limit;
    return { files: all.slice(Number(after), end), next: end < all.length ? String(end) : null };
  }

  async find(key: FileKey): Promise<ListedFile | undefined> {
    return (await this.#files(key)).find((file) =>
      "path" in key ? file.path === key.path : file.name === key.name
    );
  }

  readonly open = async (key: FileKey): Promise<OpenedFile | undefined> => {
    const file = await this.find(key);
    if (file === undefined) return undefined;
    const handle = await Deno.open(`${this.folder}/${file.path}`);
    return {
      file,
      read: async (offset, into) => {
        await this.onRead(offset);
        await handle.seek(offset, Deno.SeekMode.Start);
        return await handle.read(into);
      },
      [Symbol.dispose]: () => handle.close(),
    };
  };

  async remove(path: string, by: OwnedBy = {}): Promise<ListedFile | undefined> {
    const gone = this.removed.get(path);
    const mine = by.owner === undefined || (gone?.user ?? null) === by.owner;
    if (gone !== undefined) return mine ? gone : undefined;
    const file = await this.find({ path, ...by });
    if (file === undefined) return undefined;
    this.removed.set(path, file);
    this.removals++;
    await Deno.remove(`${this.folder}/${path}`);
    this.onRemoved();
    return file;
  }
}
