/**
 * What a client does while the disk of its server fails, and what must be true at the end: every file that
 * it was told is stored is there once, with its line and the right bytes; nothing else is under a final
 * name; the offset of an open file never fell (S-TRF-10); the codes were the right ones.
 *
 * @module
 */
import assert from "node:assert/strict";
import { listStored, sha256, storedSha256 } from "../helpers/files.ts";
import type { Random } from "../helpers/random.ts";
import { frame, type Json } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { MAX_TRIES, SessionTrial, type TrialParts } from "./session_trial.ts";
import type { Fault, Order } from "./file_faults.ts";
import type { Setting } from "./faulty_server.ts";
import type { FaultyProgram } from "./faulty_program.ts";

/** One client's way through a disk that fails. */
export class Trial implements TrialParts {
  /** The paths that `ok` has named, with the digests of what was sent. */
  readonly acked: Map<string, string> = new Map();
  ports: readonly number[] = [];
  readonly #byId = new Map<string, { bytes: Uint8Array; path: string }>();
  readonly #session = new SessionTrial(this);
  #fault: Fault | undefined;
  #lasting = false;
  #half = false;
  #flooded = false;
  #turn = 0;
  #wasDead = false;

  constructor(
    readonly program: FaultyProgram,
    readonly setting: Setting,
    readonly random: Random,
  ) {}

  async open(): Promise<void> {
    const { ports, error } = await this.program.ask({ do: "open", setting: this.setting });
    if (error === undefined) return void (this.ports = ports!);
    this.judge({ code: error, retry_after_ms: 1 }, ["local_io"]);
    await this.heal();
    const again = await this.program.ask({ do: "open", setting: this.setting });
    assert.equal(again.error, undefined, "the servers start when the fault is gone");
    this.ports = again.ports!;
  }

  async arm(order: Order): Promise<void> {
    this.#fault = order.fault;
    this.#lasting = order.lasting;
    this.#half = order.half;
    this.#wasDead = order.fault === "EIO" && (order.lasting || order.then !== undefined);
    await this.program.ask({ do: "arm", order });
  }

  /** Readiness asks the storage (and here the reading of a partial file is tried). */
  async look(): Promise<void> {
    for (
      const what of ["check", ...(this.setting.tier === "RW" ? ["read" as const] : [])] as const
    ) {
      const { error } = await this.program.ask({ do: what });
      if (error !== undefined && what === "check") this.judge({ code: error, retry_after_ms: 1 });
    }
  }

  /** The disk is well again. Returns how many calls have failed. */
  async heal(): Promise<number> {
    this.#lasting = false;
    return (await this.program.ask({ do: "heal" })).hits!;
  }

  /** A connection to a server. */
  peer(): Promise<RawPeer> {
    // After a lost connection it is another server's turn.
    const port = this.ports[this.#turn++ % this.ports.length]!;
    return RawPeer.open({ port });
  }

  /** Whether a refusal is the right one for the fault. @param others Codes that are right as well. */
  judge(data: Json, others: readonly string[] = []): void {
    if (others.includes(data.code)) return;
    // A write that is cut short is taken for a full disk, which is the rule.
    const half = this.#fault === "EIO" && this.#half && data.code === "storage_full";
    const right = this.#fault === "ENOSPC" || half ? "storage_full" : "internal_error";
    // A call that stands still on the main thread may use up the time that a store has for its answer.
    if (this.#fault === "stall" && data.code === "store_unavailable") return;
    assert.notEqual(this.#fault, "stall", `a disk that was slow is no refusal: ${data.code}`);
    assert.notEqual(this.#fault, undefined, `no fault, but ${JSON.stringify(data)}`);
    assert.equal(data.code, right, JSON.stringify(data));
    if (right === "storage_full") assert.ok(data.retry_after_ms > 0, "says when to try again");
  }

  /** Whether the disk goes on failing. */
  get isLasting(): boolean {
    return this.#lasting;
  }

  /** Files of a session. @param largest The size of the largest one, in bytes. */
  async stateful(largest?: number): Promise<void> {
    await this.#session.send(largest);
  }

  /** Somebody moves the manifest away (S-MAN-3). */
  async rotate(): Promise<void> {
    const { folder } = this.setting;
    await Deno.rename(`${folder}/commits.jsonl`, `${folder}/former.jsonl`);
    this.#byId.clear(); // only the processes that run still know the ids of that one
  }

  /** A file that is known by its upload id is not stored again, after a restart too (S-TRF-11). */
  async repeat(): Promise<void> {
    for (const [id, { bytes, path }] of this.#byId) {
      assert.equal(await this.#sendStateless(bytes, id), path, "the first file is named again");
    }
  }

  /** After a refusal the disk may stay as it is for one more try. */
  async refused(data: Json, others: readonly string[]): Promise<void> {
    this.judge(data, others);
    if (this.#lasting && this.random.int(0, 1) === 1) await this.heal();
  }

  /** Bytes of a size that takes another way through the server each time. */
  file(large: number): Uint8Array {
    const { random } = this;
    const least = random.pick([1, 8193, 16_385, large]);
    return random.bytes(random.int(least, least === large ? large + 200_000 : 2 * least + 100));
  }

  /** Files without a session, one after the other and at the same time. */
  async stateless(): Promise<void> {
    const files = Array.from({ length: 4 }, () => this.file(1_100_000));
    for (const bytes of files) await this.#sendStateless(bytes);
    const crowd = Array.from(
      { length: 4 },
      () => this.random.bytes(this.random.int(17_000, 66_000)),
    );
    await Promise.all(crowd.map((bytes) => this.#sendStateless(bytes)));
    const [twin, id] = [this.file(300_000), crypto.randomUUID()];
    await Promise.all([this.#sendStateless(twin, id), this.#sendStateless(twin, id)]);
    if (this.setting.level === "process" && !this.#flooded) await this.#flood();
    this.#flooded = true;
  }

  async #sendStateless(bytes: Uint8Array, id: string = crypto.randomUUID()): Promise<string> {
    const sent = { sha256: sha256(bytes), upload_id: id };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      using peer = await this.peer();
      const { data } = await peer.stateless(bytes, sent);
      if (data.code === "ok") {
        const path = this.stored(data, sent.sha256, bytes.length);
        this.#byId.set(id, { bytes, path });
        return path;
      }
      await this.refused(data, ["busy"]);
    }
    throw new Error(`${MAX_TRIES} tries did not store a file`);
  }

  /** Many small files, the last ones with upload ids: one that is refused is not stored, and not sent again. */
  async #flood(): Promise<void> {
    const files = Array.from({ length: 400 }, () => this.random.bytes(40));
    const idOf = (at: number) => at < 350 ? {} : { data: { upload_id: crypto.randomUUID() } };
    using peer = await this.peer();
    const sending = peer.send(...files.map((payload, at) => frame({ payload, ...idOf(at) })));
    for (const [at, bytes] of files.entries()) {
      const { data } = await peer.reply();
      if (data.code === "ok") this.stored(data, sha256(bytes), bytes.length);
      else await this.refused(data, at < 350 ? [] : ["busy"]);
    }
    await sending;
  }

  /** Takes a file in that `ok` has named, and returns its path. */
  stored({ file }: Json, sha: string, size: number): string {
    assert.deepEqual([file.sha256, file.size], [sha, size]);
    this.acked.set(file.path, sha);
    return file.path;
  }

  /** Fails unless the folder has what was acked, once, and nothing else. @param left Files of dead processes. */
  async check(left: readonly string[] = []): Promise<void> {
    const { folder, tier } = this.setting;
    const shas = new Set<string>();
    for (const path of await listStored(folder)) {
      const { mode } = await Deno.stat(`${folder}/${path}`);
      if (tier === "W" && (mode! & 0o777) === 0o200) continue; // not whole, and known as such
      // A disk that does nothing any more does not take the name back either: a file without a line.
      if (this.#wasDead && !this.acked.has(path)) continue;
      if (left.includes(path)) continue;
      const sha = await storedSha256(folder, path);
      assert.equal(this.acked.get(path), sha, `${path} is what was acked`);
      assert.ok(!shas.has(sha), `${path} is stored twice`);
      shas.add(sha);
    }
    assert.equal(shas.size, new Set(this.acked.values()).size, "no acked file is missing");
    const lines = new Map<string, string>();
    for (const name of ["commits.jsonl", "former.jsonl"]) {
      const text = await Deno.readTextFile(`${folder}/${name}`).catch(() => "");
      for (const line of text.split("\n")) {
        const { path, sha256 }: Json = tryParse(line) ?? {};
        if (typeof path === "string") lines.set(path, sha256);
      }
    }
    for (const path of left) assert.ok(lines.delete(path), `${path} got its line`);
    assert.deepEqual([...lines].sort(), [...this.acked].sort(), "the lines are of these files");
  }
}

/** A torn line counts as not there (S-MAN-1). */
function tryParse(line: string): Json | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
