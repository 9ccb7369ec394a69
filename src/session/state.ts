/**
 * The states of a session, and the table of the inputs that move a session between them. The text of
 * this folder has a picture of it, with the names that people see ({@linkcode STATE_NAMES}).
 *
 * The first two states belong to a connection that has no session yet; a session record begins in
 * `authenticated`.
 *
 * @module
 */
import { type Code, FxferError } from "../errors.ts";
import type { StateName } from "../events.ts";

/** Where a session stands.
 * @category Session */
export type SessionState =
  /** The connection has sent no connect. */
  | "idle"
  /** The client has sent a connect, and the server has not authorised it yet. */
  | "connected"
  /** A connection is attached, and has transferred nothing yet. */
  | "authenticated"
  /** A connection is attached, and has transferred. */
  | "active"
  /** The connection is gone, and the time to expiry runs. */
  | "detached"
  /** The session was detached for too long; its record is a tombstone. */
  | "expired"
  /** The session was ended by a disconnect; its record is a tombstone. */
  | "closed"
  /** The tombstone ran out: the id means nothing any more. */
  | "forgotten";

/** The inputs that come from the client: the actions of the wire, each under its own name. */
export type FrameInput =
  | "connect"
  | "transfer"
  | "heartbeat"
  | "disconnect"
  | "fetch"
  | "list"
  | "remove";

/** What moves a session: the client's frames, and what the server itself does or notices. */
export type SessionInput = FrameInput | "authorise" | "detach" | "expire" | "forget";

/** The names of the states in traces and documents. */
export const STATE_NAMES: Readonly<Record<SessionState, StateName>> = {
  idle: "Idle",
  connected: "Connected",
  authenticated: "Authenticated",
  active: "Active",
  detached: "Detached",
  expired: "Timeout",
  closed: "Disconnected",
  forgotten: "Cleanup",
};

type Refusal = { readonly refuse: Code };

// S-CON-7: a connect where a session is attached, and every other frame where none is.
const protocol: Refusal = { refuse: "protocol_error" };
const absent: Refusal = { refuse: "not_connected" };
// S-CON-4: the id of an ended session says so until the tombstone runs out.
const ended: Refusal = { refuse: "session_expired" };
const unknown: Refusal = { refuse: "session_unknown" };
// An input that only the server makes, in a state where it makes no sense: a fault of the server.
const fault: Refusal = { refuse: "internal_error" };

type Row = Readonly<Record<SessionInput, SessionState | Refusal>>;

// deno-fmt-ignore: a table is read by its columns.
const TRANSITIONS: Readonly<Record<SessionState, Row>> = {
  idle:          { connect: "connected", authorise: fault,           transfer: absent,   heartbeat: absent,          fetch: absent,          list: absent,          remove: absent,   detach: fault,      expire: fault,     disconnect: absent,   forget: fault       },
  connected:     { connect: "connected", authorise: "authenticated", transfer: absent,   heartbeat: absent,          fetch: absent,          list: absent,          remove: absent,   detach: fault,      expire: fault,     disconnect: absent,   forget: fault       },
  authenticated: { connect: protocol,    authorise: "authenticated", transfer: "active", heartbeat: "authenticated", fetch: "authenticated", list: "authenticated", remove: "active", detach: "detached", expire: fault,     disconnect: "closed", forget: fault       },
  active:        { connect: protocol,    authorise: "authenticated", transfer: "active", heartbeat: "active",        fetch: "active",        list: "active",        remove: "active", detach: "detached", expire: fault,     disconnect: "closed", forget: fault       },
  detached:      { connect: protocol,    authorise: "authenticated", transfer: absent,   heartbeat: absent,          fetch: absent,          list: absent,          remove: absent,   detach: fault,      expire: "expired", disconnect: "closed", forget: fault       },
  expired:       { connect: ended,       authorise: ended,           transfer: ended,    heartbeat: ended,           fetch: ended,           list: ended,           remove: ended,    detach: ended,      expire: ended,     disconnect: ended,    forget: "forgotten" },
  closed:        { connect: ended,       authorise: ended,           transfer: ended,    heartbeat: ended,           fetch: ended,           list: ended,           remove: ended,    detach: ended,      expire: ended,     disconnect: ended,    forget: "forgotten" },
  forgotten:     { connect: unknown,     authorise: unknown,         transfer: unknown,  heartbeat: unknown,         fetch: unknown,         list: unknown,         remove: unknown,  detach: unknown,    expire: unknown,   disconnect: unknown,  forget: unknown     },
};

/**
 * Looks up the state that follows.
 *
 * @throws {FxferError} The code in the table for a pair that is not allowed; `session_expired`
 * carries `state: "expired" | "closed"` (S-CON-4).
 */
export function nextState(state: SessionState, input: SessionInput): SessionState {
  const cell = TRANSITIONS[state][input];
  if (typeof cell !== "string") {
    const fields = cell === ended ? { state } : {};
    throw new FxferError(cell.refuse, `Cannot ${input}: session is ${state}`, { fields });
  }
  return cell;
}

/** Whether the record says that a connection is attached. The lease says whether that still holds (S-CLK-4). */
export function isAttached(state: SessionState): boolean {
  return state === "authenticated" || state === "active";
}
