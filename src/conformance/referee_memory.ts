/** What a referee remembers: sessions and files, as an ordinary server has them. @module */
import type { Json } from "./probe_client.ts";
import { joined, MAX_HEADER } from "./referee_wire.ts";

/** A request as it arrived. */
export interface SeenFrame {
  /** Counts the connections from 1. */
  readonly connection: number;
  readonly header: Json;
  readonly data: Json;
  /** How many payload bytes came before the end of the frame or of the connection. */
  arrived: number;
  /** When its header was read, in milliseconds. */
  readonly at: number;
}

/** A file as it was stored. */
export interface StoredHere {
  readonly name: string | undefined;
  readonly uploadId: string | undefined;
  readonly bytes: Uint8Array;
}

interface OpenFile {
  readonly name: string | undefined;
  readonly uploadId: string | undefined;
  readonly length: number | undefined;
  readonly pieces: Uint8Array[];
  offset: number;
}

interface Session {
  readonly id: string;
  readonly token: string;
  last: number;
  file: OpenFile | undefined;
  closed: boolean;
  readonly replies: Map<number, { readonly end: number; readonly body: Json }>;
}

const MIB = 1024 * 1024;

/** Serves frames whose bytes are here already. */
export class RefereeMemory {
  /** Every file, in the order in which they were stored. */
  readonly stored: StoredHere[] = [];
  /** What a client did that no rule allows. */
  readonly faults: string[] = [];
  readonly #sessions = new Map<string, Session>();
  readonly #terms: Json;

  /** @param terms What is told at connect in place of the usual terms. */
  constructor(terms: Json = {}) {
    this.#terms = terms;
  }

  /** Forgets all sessions, as a server that was restarted without a store. */
  forget(): void {
    this.#sessions.clear();
  }

  /** The reply to a frame whose payload is not wanted; undefined: it is to run. */
  judge({ header, data }: SeenFrame): Json | undefined {
    const session = this.#sessions.get(header.session.id);
    const { action, mode, sequence } = header.session;
    if (mode === "stateless" || action === "connect") return undefined;
    if (session === undefined) return { code: "not_connected", class: "resync" };
    if (session.closed) return { code: "session_expired", class: "resync", state: "closed" };
    if (action === "heartbeat") return undefined;
    const end = (data.offset ?? 0) + header.size;
    const kept = session.replies.get(sequence);
    if (kept !== undefined) {
      if (kept.end === end) return { ...kept.body, replayed: true };
      return { code: "sequence_reuse", class: "fatal" };
    }
    const expected = session.last + 1;
    if (sequence !== expected) {
      const code = sequence < expected ? "replay_too_old" : "sequence_gap";
      // A disconnect may be on the way behind a frame that is refused, and is sent again.
      const mayBe = action === "disconnect" && sequence > expected;
      if (!mayBe) this.faults.push(`number ${sequence} where ${expected} was due`);
      return { code, class: "resync", expected };
    }
    if (action !== "transfer" || data.cancel === true) return undefined;
    const offset = session.file?.offset ?? 0;
    if ((data.offset ?? 0) === offset) return undefined;
    this.faults.push(`offset ${data.offset ?? 0} where the server has ${offset}`);
    return { code: "offset_mismatch", class: "resync", offset };
  }

  /** Keeps what arrived of a file, whole frame or not. */
  receive({ header, data }: SeenFrame, pieces: readonly Uint8Array[]): void {
    const session = this.#sessions.get(header.session.id);
    if (session === undefined) return this.#whole(header, data, pieces);
    if (data.cancel === true) return;
    const { name, upload_id: uploadId, length } = data;
    const file: OpenFile = session.file ??= { name, uploadId, length, pieces: [], offset: 0 };
    for (const piece of pieces) file.offset += piece.length;
    file.pieces.push(...pieces);
  }

  /** A stateless file; one with a known upload id is not stored again (S-TRF-9). */
  #whole({ size }: Json, { name, upload_id: uploadId }: Json, pieces: readonly Uint8Array[]): void {
    const bytes = joined(pieces);
    const known = this.stored.some((file) =>
      file.uploadId !== undefined && file.uploadId === uploadId
    );
    if (bytes.length === size && !known) this.stored.push({ name, uploadId, bytes });
  }

  /** Runs a frame that came whole. */
  async run({ header, data }: SeenFrame): Promise<Json> {
    const { action, mode, id, sequence } = header.session;
    const session = this.#sessions.get(id);
    if (action === "connect") return this.#connect(mode, id, data);
    if (action === "heartbeat") return { code: "pong", class: "success" };
    if (session === undefined) {
      if (action === "disconnect") return { code: "session_closed", class: "success" };
      return await this.#ok(this.stored.at(-1)!);
    }
    let body: Json = { code: "session_closed", class: "success", files: this.stored.length };
    if (action === "disconnect") session.closed = true;
    else if (data.cancel === true) {
      session.file = undefined;
      body = { code: "partial", class: "success", offset: 0, cancelled: true };
    } else if (data.complete === false) {
      body = { code: "partial", class: "success", offset: session.file!.offset };
    } else body = await this.#finish(session);
    session.last = sequence;
    session.replies.set(sequence, { end: (data.offset ?? 0) + header.size, body });
    return body;
  }

  async #finish(session: Session): Promise<Json> {
    const { name, uploadId, pieces } = session.file!;
    session.file = undefined;
    const file = { name, uploadId, bytes: joined(pieces) };
    this.stored.push(file);
    return await this.#ok(file);
  }

  async #ok({ bytes, uploadId }: StoredHere): Promise<Json> {
    const digest = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
    const sha256 = new Uint8Array(digest).toHex();
    const path = `received_${sha256.slice(0, 32)}.bin`;
    const file = { path, size: bytes.length, sha256, mime_type: "application/octet-stream" };
    return { code: "ok", class: "success", file, durability: "process", upload_id: uploadId };
  }

  #connect(mode: string, id: string | null, data: Json): Json {
    const limits = { max_header: MAX_HEADER, max_session_data: 65536, max_request_size: MIB };
    const server = { instance: "referee", tier: "RW", durability: "process", versions: ["2.0"] };
    const terms = { keepalive_s: 30, session_expiry_s: 300, max_inflight: 16, limits, server };
    const told = { ...terms, challenge: "A".repeat(43), ...this.#terms };
    if (mode === "stateless") return { code: "ok", class: "success", mode, ...told };
    if (id === null) {
      const token = data.want_token === true ? crypto.randomUUID() : "";
      const session: Session = {
        ...{ id: crypto.randomUUID(), token, last: 0, file: undefined, closed: false },
        replies: new Map(),
      };
      this.#sessions.set(session.id, session);
      const secret = token === "" ? {} : { token };
      const body = { code: "session_created", class: "success", id: session.id, ...secret };
      return { ...body, next_sequence: 1, upload: null, ...told };
    }
    const session = this.#sessions.get(id);
    if (session === undefined) return { code: "session_unknown", class: "resync" };
    if (session.closed) return { code: "session_expired", class: "resync", state: "closed" };
    if (session.token !== (data.token ?? "")) return { code: "unauthorized", class: "fatal" };
    const { file, last } = session;
    const upload = file === undefined ? null : {
      ...{ sequence: last + 1, offset: file.offset, length: file.length ?? null },
      upload_id: file.uploadId ?? null,
    };
    const body = { code: "session_resumed", class: "success", id, next_sequence: last + 1 };
    return { ...body, upload, ...told };
  }
}
