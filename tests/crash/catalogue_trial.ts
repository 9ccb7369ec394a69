/**
 * What clients do with stored files while the disk fails: list, fetch and remove them, while the manifest is
 * compacted and the index is lost. At the end every file that was stored is listed once, can be read and
 * keeps its name; what was removed is gone, and nothing half done is left in the folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import { listFiles, sha256 } from "../helpers/files.ts";
import type { Random } from "../helpers/random.ts";
import type { Json } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { verifyFolder } from "../../src/storage/verify.ts";
import type { Fault, Order } from "./file_faults.ts";
import type { Setting } from "./faulty_server.ts";
import type { FaultyProgram } from "./faulty_program.ts";

/** More tries than this mean that it does not go on. */
const MAX_TRIES = 8;

/** The disk is healed after so many refusals of one thing. */
const HEALED_AFTER = 3;

/** What a compaction has not finished. */
const HALF_DONE = /^(\.compacting|commits\.jsonl\.new)$/;

/** One client's way. */
export class CatalogueTrial {
  /** The stored files by path, with their bytes and names. */
  readonly stored: Map<string, { bytes: Uint8Array; name: string }> = new Map();
  readonly #removed = new Set<string>();
  #ports: readonly number[] = [];
  #turn = 0;
  #fault: Fault | undefined;
  #lasting = false;

  constructor(
    readonly program: FaultyProgram,
    readonly setting: Setting,
    readonly random: Random,
  ) {}

  async open(): Promise<void> {
    let { ports, error } = await this.program.ask({ do: "open", setting: this.setting });
    if (error !== undefined) {
      this.#judge(error);
      await this.heal();
      ({ ports, error } = await this.program.ask({ do: "open", setting: this.setting }));
    }
    assert.equal(error, undefined, "the servers start when the fault is gone");
    this.#ports = ports!;
  }

  async arm(order: Order): Promise<void> {
    this.#fault = order.fault;
    this.#lasting = order.lasting;
    await this.program.ask({ do: "arm", order });
  }

  /** The disk is well again. Returns how many calls have failed. */
  async heal(): Promise<number> {
    this.#lasting = false;
    return (await this.program.ask({ do: "heal" })).hits!;
  }

  #judge(code: string): void {
    const right: Record<Fault, readonly string[]> = {
      ENOSPC: ["storage_full", "local_io"],
      EIO: ["internal_error", "storage_full", "busy", "local_io"],
      stall: [],
    };
    assert.ok(this.#fault !== undefined, `no fault, but ${code}`);
    assert.ok(right[this.#fault].includes(code), `${code} for ${this.#fault}`);
  }

  /** Tries until it works; after some refusals the disk is well again. @param ask Returns the refusal's code. */
  async #until(
    what: string,
    ask: (peer: RawPeer) => Promise<string | undefined>,
    isReading = /^(list|fetch)/.test(what),
  ): Promise<void> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const port = this.#ports[this.#turn++ % this.#ports.length]!;
      using peer = await RawPeer.open({ port });
      const code = await ask(peer);
      if (code === undefined) return;
      if (isReading) assert.notEqual(this.#fault, "ENOSPC", `to ${what} takes no room`);
      this.#judge(code);
      if (this.#lasting && tries >= HEALED_AFTER) await this.heal();
    }
    throw new Error(`${MAX_TRIES} tries did not ${what}`);
  }

  /** Stores files with names, some of them alike. */
  async store(count: number): Promise<void> {
    const { random } = this;
    for (let each = 0; each < count; each++) {
      const bytes = random.bytes(random.pick([20, 9000, 200_000]) + random.int(0, 100));
      const name = `${random.pick(["a", "b", "a/b/c"])}/${random.pick(["x.txt", "y", `${each}`])}`;
      const mtime_ms = 1_700_000_000_000 + each;
      const data = { name, mtime_ms, upload_id: crypto.randomUUID(), sha256: sha256(bytes) };
      await this.#until("store a file", async (peer) => {
        const reply = await peer.ask("transfer", data, { payload: bytes });
        if (reply.data.code !== "ok") return reply.data.code;
        this.stored.set(reply.data.file.path, { bytes, name });
      });
    }
  }

  /** Lists all files, some a page, and compares. */
  async list(): Promise<void> {
    await this.#until("list the files", async (peer) => {
      const found: [string, string][] = [];
      const order = this.random.pick(["newest", "name"]);
      let after: string | null | undefined = undefined;
      while (after !== null) {
        const { data } = await peer.ask("list", { limit: 3, order, after });
        if (data.code !== "ok") return data.code;
        for (const { path, sha256 } of data.files as Json[]) found.push([path, sha256]);
        after = data.next;
      }
      const here = [...this.stored].map(([path, { bytes }]) => [path, sha256(bytes)]);
      assert.deepEqual(found.sort(), here.sort(), "each file is listed once");
    });
  }

  /** Fetches some files; a connection may end inside a payload, and the file is asked for again. */
  async fetch(count: number): Promise<void> {
    for (let each = 0; each < count; each++) {
      const [path, { bytes }] = this.random.pick([...this.stored]);
      const half = this.random.pick([0, bytes.length >> 1]);
      await this.#until("fetch a file", async (peer) => {
        const reply = await peer.ask("fetch", { path, offset: half });
        if (reply.data.code !== "ok") return reply.data.code;
        try {
          const got = await peer.payload(reply);
          assert.equal(sha256(got), sha256(bytes.subarray(half)));
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          return "internal_error"; // it is closed instead of filled up (S-GET-2)
        }
      });
    }
  }

  async remove(): Promise<void> {
    const path = this.random.pick([...this.stored.keys()]);
    await this.#until("remove a file", async (peer) => {
      const { data } = await peer.ask("remove", { path });
      if (data.code !== "ok") return data.code;
      assert.equal(data.file.path, path);
    });
    this.stored.delete(path);
    this.#removed.add(path);
  }

  /** Somebody overwrites the index. */
  async spoil(): Promise<void> {
    const { folder, state = folder } = this.setting;
    await Deno.writeFile(`${state}/.index.db`, this.random.bytes(20_000));
  }

  /** The manifest is compacted. A failure is told, and leaves the manifest as it was, or is made good. */
  async compact(): Promise<void> {
    const { error } = await this.program.ask({ do: "compact" });
    if (error !== undefined) this.#judge(error);
  }

  /** Fails unless the folder has what was stored, and nothing half done. */
  async check(): Promise<void> {
    const { folder, state = folder } = this.setting;
    const lines = new Map<string, string>();
    for await (const { verdict, path } of verifyFolder(folder, { state })) {
      if (verdict === "torn" || verdict === "malformed") continue;
      // A disk that does nothing any more neither takes a name back nor removes a file.
      if (this.#fault === "EIO" && (verdict === "extra" || verdict === "partial")) continue;
      assert.equal(verdict, "ok", path);
      lines.set(path!, sha256(await Deno.readFile(`${folder}/${path}`)));
    }
    const stored = [...this.stored].map(([path, { bytes }]) => [path, sha256(bytes)]);
    assert.deepEqual([...lines].sort(), stored.sort(), "what is listed is what was stored");
    for (const path of this.#removed) {
      if (!this.stored.has(path)) await assert.rejects(Deno.lstat(`${folder}/${path}`), path);
    }
    const half = [...await listFiles(folder), ...state === folder ? [] : await listFiles(state)]
      .filter((path) => HALF_DONE.test(path));
    assert.deepEqual(half, [], "nothing half done is left");
  }
}
