/**
 * The table of the wire's actions: for each action what it needs, what it may carry and how it is answered.
 * The text of `mod.ts` says at its end how to add an action.
 *
 * @module
 */
import type { Code } from "../errors.ts";
import type { FetchData, ListData, RemoveData, TransferData } from "./files/mod.ts";
import {
  boolean,
  fileName,
  integer,
  sessionId,
  sha256,
  text,
  textOfBytes,
  uuid,
  word,
} from "./fields.ts";
import {
  DEFAULT_LIST_LIMIT,
  MAX_CURSOR_LENGTH,
  MAX_NAME_BYTES,
  MAX_PATH_LENGTH,
  MAX_TOKEN_LENGTH,
} from "./limits.ts";
import type { Action, ConnectData, Mode, RequestFrame } from "./requests.ts";

/** Checks one value of session data and brings it into its own form, or throws `invalid_field`. */
export type FieldReader<T = unknown> = (value: unknown, field: string) => T;

/** One field of session data. */
export interface DataField {
  /** Its name in the typed record, such as `uploadId`. */
  readonly name: string;
  /** Its name on the wire, such as `upload_id`. */
  readonly wire: string;
  /** Reads a value that is neither absent nor null. */
  readonly read: FieldReader;
}

/** What the session data of an action may hold; `D` is the typed record. */
export interface DataRule<D = unknown> {
  /** The record of a frame without session data; undefined for an action that has no record. */
  readonly empty: D;
  /** The fields, in the order in which the encoder writes them. */
  readonly fields: readonly DataField[];
  /** The names a sender may list in `crit` (S-FRM-4). */
  readonly known: readonly string[];
}

/** One row of {@linkcode ACTIONS}. */
export interface ActionRule<D = unknown> {
  /** The modes that serve the action, each with the codes that say it succeeded. */
  readonly answers: Readonly<Partial<Record<Mode, readonly Code[]>>>;
  /** Whether payload may follow. */
  readonly payload: boolean;
  /** Whether a stateful frame is served only on a connection that is attached to its session (S-CON-7). */
  readonly needsSession: boolean;
  /** Whether a stateful frame uses up the next sequence number (S-SEQ-3). */
  readonly usesNumber: boolean;
  /** Its session data. */
  readonly data: DataRule<D>;
}

/** The typed record of an action's session data; undefined for an action without one. */
type DataOf<A extends Action> = Extract<RequestFrame, { readonly action: A }> extends
  { readonly data: infer D } ? D : undefined;

/** A reader for every field of a record: the compiler reports a field that was forgotten. */
type Readers<D> = {
  readonly [K in keyof D]-?: readonly [wire: string, read: FieldReader<Exclude<D[K], undefined>>];
};

function dataRule<D extends object>(empty: D, readers: Readers<D>): DataRule<D> {
  const entries = Object.entries<readonly [string, FieldReader]>(readers);
  const fields = entries.map(([name, [wire, read]]) => ({ name, wire, read }));
  return { empty, fields, known: [...fields.map(({ wire }) => wire), "crit"] };
}

const NO_DATA: DataRule<undefined> = { empty: undefined, fields: [], known: ["crit"] };

const atMost = (max: number): FieldReader<string> => (value, field) => text(value, field, max);
const token = atMost(MAX_TOKEN_LENGTH);
const path = atMost(MAX_PATH_LENGTH);
const prefix: FieldReader<string> = (value, field) => textOfBytes(value, field, MAX_NAME_BYTES);
const oneId: FieldReader<string> = (value, field) => sessionId(value, field)!;
const fallback: FieldReader<"stateless"> = (value, field) => word(value, field, ["stateless"]);

/** The table of actions. The most frequent action stands first: readers try them in this order. */
export const ACTIONS: { readonly [A in Action]: ActionRule<DataOf<A>> } = {
  transfer: {
    answers: { stateless: ["ok"], stateful: ["ok", "partial"] },
    payload: true,
    needsSession: true,
    usesNumber: true,
    data: dataRule<TransferData>({ offset: 0, complete: true, cancel: false }, {
      uploadId: ["upload_id", uuid],
      name: ["name", fileName],
      mtimeMs: ["mtime_ms", integer],
      executable: ["executable", boolean],
      onClash: ["on_clash", (value, field) => word(value, field, ["refuse"])],
      offset: ["offset", integer],
      length: ["length", integer],
      complete: ["complete", boolean],
      sha256: ["sha256", sha256],
      payloadSha256: ["payload_sha256", sha256],
      cancel: ["cancel", boolean],
    }),
  },
  heartbeat: {
    answers: { stateless: ["pong"], stateful: ["pong"] },
    payload: false,
    needsSession: true,
    usesNumber: false,
    data: NO_DATA,
  },
  connect: {
    // A stateful connect is answered `ok` when the server falls back to stateless service (S-DEG-1).
    answers: { stateless: ["ok"], stateful: ["session_created", "session_resumed", "ok"] },
    payload: false,
    needsSession: false,
    usesNumber: false,
    data: dataRule<ConnectData>({}, {
      token: ["token", token],
      wantToken: ["want_token", boolean],
      clean: ["clean", boolean],
      keepaliveS: ["keepalive_s", integer],
      sessionExpiryS: ["session_expiry_s", integer],
      wantMac: ["want_mac", boolean],
      fallback: ["fallback", fallback],
    }),
  },
  disconnect: {
    answers: { stateless: ["session_closed"], stateful: ["session_closed"] },
    payload: false,
    needsSession: true,
    usesNumber: true,
    data: NO_DATA,
  },
  fetch: {
    answers: { stateless: ["ok"], stateful: ["ok"] },
    payload: false,
    needsSession: true,
    usesNumber: false,
    data: dataRule<FetchData>({ offset: 0 }, {
      path: ["path", path],
      name: ["name", fileName],
      offset: ["offset", integer],
      length: ["length", integer],
    }),
  },
  list: {
    answers: { stateless: ["ok"], stateful: ["ok"] },
    payload: false,
    needsSession: true,
    usesNumber: false,
    data: dataRule<ListData>({ limit: DEFAULT_LIST_LIMIT, order: "newest" }, {
      prefix: ["prefix", prefix],
      name: ["name", fileName],
      after: ["after", atMost(MAX_CURSOR_LENGTH)],
      follows: ["follows", boolean],
      limit: ["limit", integer],
      session: ["session", oneId],
      order: ["order", (value, field) => word(value, field, ["newest", "name"])],
    }),
  },
  remove: {
    answers: { stateless: ["ok"], stateful: ["ok"] },
    payload: false,
    needsSession: true,
    usesNumber: true,
    data: dataRule<RemoveData>({}, { path: ["path", path] }),
  },
};

/** All actions, in the order of the table. */
export const ACTION_NAMES: readonly Action[] = Object.keys(ACTIONS) as Action[];
