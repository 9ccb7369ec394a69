/**
 * A server inside the test's own process: on a temporary folder, with a clock the test turns, and with
 * a store and a storage that fail when told to.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { serve, type ServeOptions, type Server } from "../../src/server/mod.ts";
import type { SessionRecord } from "../../src/session/mod.ts";
import { DiskStorage, type DiskStorageOptions, type FileStorage } from "../../src/storage/mod.ts";
import { MemorySessionStore, type SessionStore, type StoreStats } from "../../src/store/mod.ts";
import { EventLog } from "./event_log.ts";
import { assertContents, listStored } from "./files.ts";
import { RawPeer, type RawReply } from "./raw_peer.ts";
import { received, until } from "./serving.ts";
import { TempDir } from "./temp.ts";

/** What {@linkcode InProcess.start} takes besides the server's own options. */
export interface InProcessOptions extends Partial<Omit<ServeOptions, "storage" | "store" | "log">> {
  /** How the folder is opened; the tier is RW where nothing is said. */
  readonly disk?: DiskStorageOptions;
  /** Wraps the storage. */
  readonly storage?: (disk: DiskStorage, folder: string) => FileStorage;
  /** Default a {@linkcode FlakyStore} that works. */
  readonly store?: SessionStore;
}

/** A running server with all that belongs to it; disposing stops it and removes its files. */
export class InProcess implements AsyncDisposable {
  /** Everything it logged. */
  readonly log: EventLog<LogEvent> = new EventLog<LogEvent>();
  /** The sessions' clock: real until a test moves it. */
  shiftMs = 0;
  /** Whether the test makes happen what is logged as an error. */
  errorsExpected = false;
  readonly flaky: FlakyStore = new FlakyStore();
  server!: Server;
  #disk!: DiskStorage;
  #store!: SessionStore;
  #serve!: () => Server;

  private constructor(readonly dir: TempDir) {}

  /** Starts one on a free port, without rate limits unless asked for. */
  static async start(options: InProcessOptions = {}): Promise<InProcess> {
    const { disk, storage = (plain: DiskStorage) => plain, stateful, ...rest } = options;
    const self = new InProcess(await TempDir.make());
    self.#disk = await DiskStorage.open(self.folder, disk);
    self.#store = options.store ?? self.flaky;
    self.#serve = () =>
      serve({
        port: 0,
        rate: "off",
        ...rest,
        store: self.#store,
        storage: storage(self.#disk, self.folder),
        stateful: { now: () => Date.now() + self.shiftMs, ...stateful },
        log: createLogger((event) => self.log.push(event), "debug"),
      });
    self.server = self.#serve();
    return self;
  }

  /** Stops the server and starts another on the same store and folder. */
  async restart(): Promise<void> {
    await this.server.shutdown();
    this.server = this.#serve();
  }

  get port(): number {
    return this.server.addr.port;
  }
  get folder(): string {
    return this.dir.join("storage");
  }

  /** A connection to it; goes away with `using`. */
  open(): Promise<RawPeer> {
    return RawPeer.open(this);
  }

  /** A connection attached to a session: a new one, or the one of another peer. */
  async attached(data: Record<string, unknown> = {}, id: string | null = null): Promise<RawPeer> {
    const peer = await this.open();
    const reply = await peer.connect(data, id);
    assert.equal(reply.data.code, id === null ? "session_created" : "session_resumed");
    return peer;
  }

  /** The paths of the files stored. */
  stored(): Promise<string[]> {
    return listStored(this.folder);
  }

  /** Fails unless exactly these contents are stored, each once, and the manifest says the same. */
  async assertStored(...contents: readonly Uint8Array[]): Promise<void> {
    await assertContents(this.folder, contents);
    assert.equal(this.#disk.usage.reserved >= 0, true);
  }

  /** Waits until the server has ended all its connections but `left`, which it does by itself. */
  async idle(left: number = 0): Promise<void> {
    await until(() => this.server.connections <= left, `${left} connections are left`);
  }

  /** Waits until a payload is on its way into a file (tier RW). */
  async receiving(): Promise<void> {
    await received(this.folder);
  }

  /** The record of a session as the store has it. */
  async record(id: string | null): Promise<SessionRecord> {
    const record = await this.#store.load(id!);
    assert.ok(record !== undefined, "the store knows the session");
    return record;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
    await this.#disk[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
    await this.flaky[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
    const grave = this.log.all.filter(({ level }) => level === "error" && !this.errorsExpected);
    assert.deepEqual(grave, [], "nothing that should not happen was logged");
  }
}

/** When a save fails: before anything is stored, or after all of it was. */
export type FailWhen = "before" | "after";

/** A memory store that fails when told to. It calls itself persistent, as a store that can be lost is. */
export class FlakyStore implements SessionStore {
  readonly kind = "flaky";
  readonly persistent: boolean = true;
  #inner = new MemorySessionStore();
  #failing: { readonly matches: (record: SessionRecord) => boolean; readonly when: FailWhen }[] =
    [];
  /** Every call fails. */
  down = false;
  /** How many saves were made to fail. */
  failed = 0;

  /** The next save of a record that matches fails. */
  failSave(when: FailWhen, matches: (record: SessionRecord) => boolean = () => true): void {
    this.#failing.push({ matches, when });
  }

  /** Keeps what is stored now. The returned function makes the store come back with it, as after a crash. */
  async snapshot(): Promise<() => Promise<void>> {
    const records = await Array.fromAsync(this.#inner.list());
    return async () => {
      this.#inner = new MemorySessionStore();
      for (const record of records) {
        for (let version = 1; version <= record.version; version++) {
          await this.#inner.save({ ...record, version });
        }
      }
    };
  }

  #check(): void {
    if (this.down) throw unavailable();
  }

  // deno-lint-ignore require-await -- a throw must become a rejection
  async load(id: string): Promise<SessionRecord | undefined> {
    this.#check();
    return this.#inner.load(id);
  }
  async save(record: SessionRecord, maxLive?: number): Promise<boolean> {
    this.#check();
    const failure = this.#failing.find(({ matches }) => matches(record));
    if (failure === undefined) return await this.#inner.save(record, maxLive);
    this.#failing = this.#failing.filter((each) => each !== failure);
    this.failed++;
    if (failure.when === "after") await this.#inner.save(record);
    throw unavailable();
  }
  // deno-lint-ignore require-await -- as in load
  async delete(id: string): Promise<void> {
    this.#check();
    return this.#inner.delete(id);
  }
  list(): AsyncIterable<SessionRecord> {
    this.#check();
    return this.#inner.list();
  }
  // deno-lint-ignore require-await -- as in load
  async stats(): Promise<StoreStats> {
    this.#check();
    return this.#inner.stats();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}

function unavailable(): FxferError {
  return new FxferError("store_unavailable", "Cannot use store: the test has switched it off");
}

/** Fails unless the reply has this code; gives its session data. */
export function expectCode(reply: RawReply, code: string): RawReply["data"] {
  assert.equal(reply.data.code, code, JSON.stringify(reply.data));
  return reply.data;
}
