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
import { concat, frame, type Json } from "../helpers/raw_frame.ts";
import { RawPeer, type RawReply } from "../helpers/raw_peer.ts";
import type { Fault, Order } from "./file_faults.ts";
import type { Setting } from "./faulty_server.ts";
import type { FaultyProgram } from "./faulty_program.ts";

/** More tries than this mean that the upload does not go on. */
const MAX_TRIES = 12;

/** A file that is sent, in frames that end at these offsets. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
  readonly data: Json;
  /** Where the connection is cut the first time; undefined: nowhere. */
  cut?: number | undefined;
}

/** One client's way through a disk that fails. */
export class Trial {
  /** The paths that `ok` has named, with the digests of what was sent. */
  readonly acked: Map<string, string> = new Map();
  ports: readonly number[] = [];
  readonly #byId = new Map<string, { bytes: Uint8Array; path: string }>();
  readonly #line = {
    peer: undefined as RawPeer | undefined,
    id: null as string | null,
    next: 1,
    /** The largest number that was sent. */
    last: 0,
  };
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
    this.#judge({ code: error, retry_after_ms: 1 }, ["local_io"]);
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
      if (error !== undefined && what === "check") this.#judge({ code: error, retry_after_ms: 1 });
    }
  }

  /** The disk is well again. Returns how many calls have failed. */
  async heal(): Promise<number> {
    this.#lasting = false;
    return (await this.program.ask({ do: "heal" })).hits!;
  }

  #peer(): Promise<RawPeer> {
    // After a lost connection it is another server's turn.
    const port = this.ports[this.#turn++ % this.ports.length]!;
    return RawPeer.open({ port });
  }

  /** Whether a refusal is the right one for the fault. @param others Codes that are right as well. */
  #judge(data: Json, others: readonly string[] = []): void {
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
  async #refused(data: Json, others: readonly string[]): Promise<void> {
    this.#judge(data, others);
    if (this.#lasting && this.random.int(0, 1) === 1) await this.heal();
  }

  /** Bytes of a size that takes another way through the server each time. */
  #file(large: number): Uint8Array {
    const { random } = this;
    const least = random.pick([1, 8193, 16_385, large]);
    return random.bytes(random.int(least, least === large ? large + 200_000 : 2 * least + 100));
  }

  /** Files without a session, one after the other and at the same time. */
  async stateless(): Promise<void> {
    const files = Array.from({ length: 4 }, () => this.#file(1_100_000));
    for (const bytes of files) await this.#sendStateless(bytes);
    const crowd = Array.from(
      { length: 4 },
      () => this.random.bytes(this.random.int(17_000, 66_000)),
    );
    await Promise.all(crowd.map((bytes) => this.#sendStateless(bytes)));
    const [twin, id] = [this.#file(300_000), crypto.randomUUID()];
    await Promise.all([this.#sendStateless(twin, id), this.#sendStateless(twin, id)]);
    if (this.setting.level === "process" && !this.#flooded) await this.#flood();
    this.#flooded = true;
  }

  async #sendStateless(bytes: Uint8Array, id: string = crypto.randomUUID()): Promise<string> {
    const sent = { sha256: sha256(bytes), upload_id: id };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      using peer = await this.#peer();
      const { data } = await peer.stateless(bytes, sent);
      if (data.code === "ok") {
        const path = this.#stored(data, sent.sha256, bytes.length);
        this.#byId.set(id, { bytes, path });
        return path;
      }
      await this.#refused(data, ["busy"]);
    }
    throw new Error(`${MAX_TRIES} tries did not store a file`);
  }

  /** Many small files, the last ones with upload ids: one that is refused is not stored, and not sent again. */
  async #flood(): Promise<void> {
    const files = Array.from({ length: 400 }, () => this.random.bytes(40));
    const idOf = (at: number) => at < 350 ? {} : { data: { upload_id: crypto.randomUUID() } };
    using peer = await this.#peer();
    const sending = peer.send(...files.map((payload, at) => frame({ payload, ...idOf(at) })));
    for (const [at, bytes] of files.entries()) {
      const { data } = await peer.reply();
      if (data.code === "ok") this.#stored(data, sha256(bytes), bytes.length);
      else await this.#refused(data, at < 350 ? [] : ["busy"]);
    }
    await sending;
  }

  #stored({ file }: Json, sha: string, size: number): string {
    assert.deepEqual([file.sha256, file.size], [sha, size]);
    this.acked.set(file.path, sha);
    return file.path;
  }

  /** Files of one session: in memory, in frames, and one whose connection is cut in the middle. */
  async stateful(largest = 0): Promise<void> {
    const { random } = this;
    const line = this.#line;
    /** Connections that are displaced. */
    const former: RawPeer[] = [];
    try {
      // From the third on nothing announces them. Then another server takes the session over.
      for (let each = 0; each < 6; each++) {
        const bytes = random.bytes(random.int(16, 9000));
        const data = { length: bytes.length, sha256: sha256(bytes) };
        await this.#sendInSession({ bytes, ends: [bytes.length], data });
        if (each !== 3 || line.peer === undefined) continue;
        former.push(line.peer);
        line.peer = undefined;
      }
      for (const named of [true, false]) await this.#burstInSession(named);
      for (let each = 0; each < 5; each++) {
        const bytes = each === 2 ? random.bytes(largest || 300_000) : this.#file(1_600_000);
        const { length } = bytes;
        const parts = each === 1 || each === 4 ? [0.2, 0.6] : [];
        const ends = [...parts.map((part) => Math.ceil(part * length)), length];
        const id = random.int(0, 2) > 0 ? { upload_id: crypto.randomUUID() } : {};
        const data = { length, sha256: sha256(bytes), ...id };
        const least = each === 2 && largest > 0 ? length - 1000 : length >> 1;
        const cut = each === 2 || each === 4 ? random.int(least, length - 1) : undefined;
        await this.#sendInSession({ bytes, ends, data, cut });
      }
    } finally {
      for (const peer of former) peer.close();
      line.peer?.close();
      line.peer = undefined;
    }
  }

  /** Several files in one write. If one cannot be stored, it and those behind it are sent one after the other. */
  async #burstInSession(named: boolean): Promise<void> {
    const line = this.#line;
    const files = Array.from({ length: 8 }, (): Sent => {
      const bytes = this.random.bytes(this.random.int(1, 500));
      const id = named ? { upload_id: crypto.randomUUID() } : {};
      const data = { length: bytes.length, sha256: sha256(bytes), ...id };
      return { bytes, ends: [bytes.length], data };
    });
    await this.#sendInSession(files.shift()!); // with a connection
    const frames = files.map(({ bytes, data }, at) => {
      const whole = { ...data, offset: 0, complete: true };
      return line.peer!.transfer(bytes, whole, { sequence: line.next + at });
    });
    line.last = line.next + files.length - 1;
    let answer = await this.#exchange(line.peer!, concat(...frames));
    for (; answer?.data.code === "ok"; answer = await this.#exchange(line.peer!)) {
      const { data, bytes } = files.shift()!;
      line.next++;
      this.#stored(answer.data, data.sha256, bytes.length);
      if (files.length === 0) return;
    }
    if (answer !== undefined) {
      this.#judge(answer.data, ["busy"]);
      for (let at = 1; at < files.length && answer !== undefined; at++) {
        answer = await this.#exchange(line.peer!);
        assert.equal(answer?.data.code ?? "sequence_gap", "sequence_gap");
      }
    }
    if (answer === undefined) {
      line.peer!.close();
      line.peer = undefined;
    }
    if (this.#lasting) await this.heal();
    for (const file of files) await this.#sendInSession(file);
  }

  async #sendInSession(file: Sent): Promise<void> {
    const line = this.#line;
    const { bytes, ends, data } = file;
    /** What the server has answered for, and never takes back. */
    let floor = 0;
    let offset = 0;
    let last: unknown;
    const moves = (to: unknown) => {
      if (typeof to !== "number") return;
      if (this.setting.tier === "W" && to === 0) floor = 0; // there nothing outlives its connection
      assert.ok(to >= floor, `the offset fell from ${floor} to ${to}`);
      offset = to;
    };
    for (let tries = 0; tries < MAX_TRIES;) {
      if (line.peer === undefined) {
        line.peer = await this.#peer();
        const { data: said } = await line.peer.connect({ session_expiry_s: 60 }, line.id);
        if (!/^session_(created|resumed)$/.test(said.code)) {
          // Connections that were displaced, and those that have just ended, count as takeovers (S-TAKE-5).
          if (said.code === "takeover_flapping") {
            await new Promise((resolve) => setTimeout(resolve, said.retry_after_ms));
          } else tries++;
          last = said.code;
          await this.#refused(said, ["busy", "takeover_flapping"]);
          line.peer.close();
          line.peer = undefined;
          continue;
        }
        if (line.id === null) await this.#plant(line.peer.id!);
        line.id = line.peer.id;
        // The frame has run if its number is used up: then it is repeated to get its reply.
        if (said.next_sequence === line.next) moves(said.upload?.offset ?? 0);
        else {
          const { next_sequence: next } = said;
          assert.ok(next > line.next && next <= Math.max(line.next, line.last) + 1, `${next}`);
        }
      }
      const end = ends.find((end) => end > floor)!;
      const [from, complete] = [Math.min(offset, end), end === bytes.length];
      const send = { ...data, offset: from, complete };
      const payload = bytes.subarray(from, end);
      const whole = line.peer.transfer(payload, send, { sequence: line.next });
      if (file.cut !== undefined && file.cut > from && file.cut < end) {
        await line.peer.send(whole.subarray(0, whole.length - (end - file.cut)));
        file.cut = undefined;
        line.peer.close();
        line.peer = undefined;
        await this.look();
        continue;
      }
      const answer = await this.#exchange(line.peer, whole);
      if (answer?.data.code === "ok") {
        line.next++;
        return void this.#stored(answer.data, data.sha256, bytes.length);
      }
      if (answer?.data.code === "partial") {
        line.next++;
        floor = offset = end;
        continue;
      }
      tries++;
      last = answer?.data.code;
      moves(answer?.data.offset);
      if (answer !== undefined) await this.#refused(answer.data, ["busy", "offset_mismatch"]);
      if (answer === undefined || this.random.int(0, 2) === 0) {
        line.peer.close();
        line.peer = undefined;
      }
    }
    throw new Error(`${MAX_TRIES} tries did not store a file of a session, at ${offset}: ${last}`);
  }

  /** In tier W a link is in the place of the session's folder, which must go. */
  async #plant(id: string): Promise<void> {
    const { tier, folder } = this.setting;
    if (tier === "W") await Deno.symlink("nowhere", `${folder}/session_${id}`);
  }

  /** Sends a frame, if there is one, and reads a reply; undefined if the connection ended before it came. */
  async #exchange(
    peer: RawPeer,
    bytes: Uint8Array = new Uint8Array(0),
  ): Promise<RawReply | undefined> {
    try {
      await peer.send(bytes).catch(() => {}); // the refusal may come before the end
      const reply = await peer.reply();
      // A notice says why the connection ends. Nobody else has the session here.
      return reply.data.notice === true ? undefined : reply;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return undefined;
    }
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
