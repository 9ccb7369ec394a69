/** What a client sends in a session while the disk of its server fails. @module */
import assert from "node:assert/strict";
import { sha256 } from "../helpers/files.ts";
import type { Random } from "../helpers/random.ts";
import { concat, type Json } from "../helpers/raw_frame.ts";
import type { RawPeer, RawReply } from "../helpers/raw_peer.ts";
import type { Setting } from "./faulty_server.ts";

/** More tries than this mean that the upload does not go on. */
export const MAX_TRIES = 12;

/** What a {@linkcode SessionTrial} needs of the trial that it is a part of. */
export interface TrialParts {
  readonly setting: Setting;
  readonly random: Random;
  /** Whether the disk goes on failing. */
  readonly isLasting: boolean;
  /** The disk is well again. */
  heal(): Promise<unknown>;
  /** Readiness asks the storage. */
  look(): Promise<void>;
  /** A connection to a server. */
  peer(): Promise<RawPeer>;
  /** Fails unless a refusal is the right one for the fault. @param others Codes that are right as well. */
  judge(data: Json, others?: readonly string[]): void;
  /** The same; then the disk may stay as it is for one more try. */
  refused(data: Json, others: readonly string[]): Promise<void>;
  /** Takes a file in that `ok` has named, and returns its path. */
  stored(data: Json, sha: string, size: number): string;
  /** Bytes of a size that takes another way through the server each time. */
  file(large: number): Uint8Array;
}

/** A file that is sent, in frames that end at these offsets. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
  readonly data: Json;
  /** Where the connection is cut the first time; undefined: nowhere. */
  cut?: number | undefined;
}

/** The session of a trial, which goes on over one connection after another. */
export class SessionTrial {
  readonly #trial: TrialParts;
  readonly #line = {
    peer: undefined as RawPeer | undefined,
    id: null as string | null,
    next: 1,
    /** The largest number that was sent. */
    last: 0,
  };

  constructor(trial: TrialParts) {
    this.#trial = trial;
  }

  /** Files of one session: in memory, in frames, and one whose connection is cut in the middle. */
  async send(largest = 0): Promise<void> {
    const { random } = this.#trial;
    const line = this.#line;
    /** Connections that are displaced. */
    const former: RawPeer[] = [];
    try {
      // From the third on nothing announces them. Then another server takes the session over.
      for (let each = 0; each < 6; each++) {
        const bytes = random.bytes(random.int(16, 9000));
        const data = { length: bytes.length, sha256: sha256(bytes) };
        await this.#sendFile({ bytes, ends: [bytes.length], data });
        if (each !== 3 || line.peer === undefined) continue;
        former.push(line.peer);
        line.peer = undefined;
      }
      for (const named of [true, false]) await this.#sendBurst(named);
      for (let each = 0; each < 5; each++) {
        const bytes = each === 2 ? random.bytes(largest || 300_000) : this.#trial.file(1_600_000);
        const { length } = bytes;
        const parts = each === 1 || each === 4 ? [0.2, 0.6] : [];
        const ends = [...parts.map((part) => Math.ceil(part * length)), length];
        const id = random.int(0, 2) > 0 ? { upload_id: crypto.randomUUID() } : {};
        const data = { length, sha256: sha256(bytes), ...id };
        const least = each === 2 && largest > 0 ? length - 1000 : length >> 1;
        const cut = each === 2 || each === 4 ? random.int(least, length - 1) : undefined;
        await this.#sendFile({ bytes, ends, data, cut });
      }
    } finally {
      for (const peer of former) peer.close();
      line.peer?.close();
      line.peer = undefined;
    }
  }

  /** Several files in one write. If one cannot be stored, it and those behind it are sent one after the other. */
  async #sendBurst(named: boolean): Promise<void> {
    const { random } = this.#trial;
    const line = this.#line;
    const files = Array.from({ length: 8 }, (): Sent => {
      const bytes = random.bytes(random.int(1, 500));
      const id = named ? { upload_id: crypto.randomUUID() } : {};
      const data = { length: bytes.length, sha256: sha256(bytes), ...id };
      return { bytes, ends: [bytes.length], data };
    });
    await this.#sendFile(files.shift()!); // with a connection
    const frames = files.map(({ bytes, data }, at) => {
      const whole = { ...data, offset: 0, complete: true };
      return line.peer!.transfer(bytes, whole, { sequence: line.next + at });
    });
    line.last = line.next + files.length - 1;
    let answer = await this.#exchange(line.peer!, concat(...frames));
    for (; answer?.data.code === "ok"; answer = await this.#exchange(line.peer!)) {
      const { data, bytes } = files.shift()!;
      line.next++;
      this.#trial.stored(answer.data, data.sha256, bytes.length);
      if (files.length === 0) return;
    }
    if (answer !== undefined) {
      this.#trial.judge(answer.data, ["busy"]);
      for (let at = 1; at < files.length && answer !== undefined; at++) {
        answer = await this.#exchange(line.peer!);
        // Before a frame is judged, a commit that was cut short is tried again, which may fail again.
        if (answer !== undefined) this.#trial.judge(answer.data, ["sequence_gap"]);
      }
    }
    if (answer === undefined) {
      line.peer!.close();
      line.peer = undefined;
    }
    if (this.#trial.isLasting) await this.#trial.heal();
    for (const file of files) await this.#sendFile(file);
  }

  async #sendFile(file: Sent): Promise<void> {
    const line = this.#line;
    const { bytes, ends, data } = file;
    /** What the server has answered for, and never takes back. */
    let floor = 0;
    let offset = 0;
    let last: unknown;
    const moves = (to: unknown) => {
      if (typeof to !== "number") return;
      if (this.#trial.setting.tier === "W" && to === 0) floor = 0; // there nothing outlives its connection
      assert.ok(to >= floor, `the offset fell from ${floor} to ${to}`);
      offset = to;
    };
    for (let tries = 0; tries < MAX_TRIES;) {
      if (line.peer === undefined) {
        line.peer = await this.#trial.peer();
        const { data: said } = await line.peer.connect({ session_expiry_s: 60 }, line.id);
        if (!/^session_(created|resumed)$/.test(said.code)) {
          // Connections that were displaced, and those that have just ended, count as takeovers (S-TAKE-5).
          if (said.code === "takeover_flapping") {
            await new Promise((resolve) => setTimeout(resolve, said.retry_after_ms));
          } else tries++;
          last = said.code;
          await this.#trial.refused(said, ["busy", "takeover_flapping"]);
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
        await this.#trial.look();
        continue;
      }
      const answer = await this.#exchange(line.peer, whole);
      if (answer?.data.code === "ok") {
        line.next++;
        return void this.#trial.stored(answer.data, data.sha256, bytes.length);
      }
      if (answer?.data.code === "partial") {
        line.next++;
        floor = offset = end;
        continue;
      }
      tries++;
      last = answer?.data.code;
      moves(answer?.data.offset);
      if (answer !== undefined) await this.#trial.refused(answer.data, ["busy", "offset_mismatch"]);
      if (answer === undefined || this.#trial.random.int(0, 2) === 0) {
        line.peer.close();
        line.peer = undefined;
      }
    }
    throw new Error(`${MAX_TRIES} tries did not store a file of a session, at ${offset}: ${last}`);
  }

  /** In tier W a link is in the place of the session's folder, which must go. */
  async #plant(id: string): Promise<void> {
    const { tier, folder } = this.#trial.setting;
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
}
