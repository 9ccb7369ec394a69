/**
 * The states of a session and the one table of what moves it between them.
 *
 * ```text
 *              connect                 authorise
 *      Idle ───────────► Connected ───────────────► Authenticated ◄──────────┐
 *                        (a refused                   │    ▲                 │ authorise
 *                        connect may                  │    │ authorise       │
 *                        be followed         transfer │    │ (takeover)      │
 *                        by another)                  ▼    │                 │
 *                                                    Active ─────► Detached ─┤
 *                                                     │    detach    │       │ expire
 *                                          disconnect │              │       ▼
 *                                                     ▼   disconnect │    Timeout
 *                                               Disconnected ◄───────┘       │
 *                                                     │ forget               │ forget
 *                                                     └──────► Cleanup ◄─────┘
 * ```
 *
 * `detach` and `disconnect` leave Authenticated as they leave Active. The first two states belong
 * to a connection that has no session yet; a record is made in Authenticated. The wire's names are
 * those of the picture ({@linkcode STATE_NAMES}).
 *
 * @module
 */
import { type Code, FxferError } from "../errors.ts";
import type { StateName } from "../events.ts";

/** Where a session stands. */
export type SessionState =
  /** Nothing was presented. */
  | "idle"
  /** An id or the wish for a new session was presented, and is not yet authorised. */
  | "connected"
  /** Attached; nothing was transferred on this attach. */
  | "authenticated"
  /** Attached and transferring. */
  | "active"
  /** Its connection is gone; expiry runs. */
  | "detached"
  /** Detached for too long; a tombstone. */
  | "expired"
  /** Ended by disconnect; a tombstone. */
  | "closed"
  /** Its tombstone ran out: the id means nothing any more. */
  | "forgotten";

/** What moves a session: the peer's frames, and what the server itself notices. */
export type SessionInput =
  | "connect"
  | "authorise"
  | "transfer"
  | "heartbeat"
  | "detach"
  | "expire"
  | "disconnect"
  | "forget";

/** The names people know the states by, for traces and documents. */
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

interface Refusal {
  readonly refuse: Code;
}

// S-CON-7: a connect where a session is attached, and anything else where none is.
const protocol: Refusal = { refuse: "protocol_error" };
const absent: Refusal = { refuse: "not_connected" };
// S-CON-4: an ended session says so until its tombstone runs out.
const ended: Refusal = { refuse: "session_expired" };
const unknown: Refusal = { refuse: "session_unknown" };
// Inputs only the server makes, where they make no sense: its own fault, not the peer's.
const fault: Refusal = { refuse: "internal_error" };

type Row = Readonly<Record<SessionInput, SessionState | Refusal>>;

// deno-fmt-ignore: a table is read by its columns.
const TRANSITIONS: Readonly<Record<SessionState, Row>> = {
  idle:          { connect: "connected", authorise: fault,           transfer: absent,   heartbeat: absent,          detach: fault,      expire: fault,     disconnect: absent,   forget: fault       },
  connected:     { connect: "connected", authorise: "authenticated", transfer: absent,   heartbeat: absent,          detach: fault,      expire: fault,     disconnect: absent,   forget: fault       },
  authenticated: { connect: protocol,    authorise: "authenticated", transfer: "active", heartbeat: "authenticated", detach: "detached", expire: fault,     disconnect: "closed", forget: fault       },
  active:        { connect: protocol,    authorise: "authenticated", transfer: "active", heartbeat: "active",        detach: "detached", expire: fault,     disconnect: "closed", forget: fault       },
  detached:      { connect: protocol,    authorise: "authenticated", transfer: absent,   heartbeat: absent,          detach: fault,      expire: "expired", disconnect: "closed", forget: fault       },
  expired:       { connect: ended,       authorise: ended,           transfer: ended,    heartbeat: ended,           detach: ended,      expire: ended,     disconnect: ended,    forget: "forgotten" },
  closed:        { connect: ended,       authorise: ended,           transfer: ended,    heartbeat: ended,           detach: ended,      expire: ended,     disconnect: ended,    forget: "forgotten" },
  forgotten:     { connect: unknown,     authorise: unknown,         transfer: unknown,  heartbeat: unknown,         detach: unknown,    expire: unknown,   disconnect: unknown,  forget: unknown     },
};

/**
 * The state that follows.
 *
 * @throws {FxferError} The code of the table for a pair that is not allowed; `session_expired`
 * carries `state: "expired" | "closed"` (S-CON-4).
 */
export function nextState(state: SessionState, input: SessionInput): SessionState {
  const cell = TRANSITIONS[state][input];
  if (typeof cell !== "string") throw refusal(cell.refuse, state, input);
  return cell;
}

function refusal(code: Code, state: SessionState, input: SessionInput): FxferError {
  return new FxferError(
    code,
    `Cannot ${input}: session is ${state}`,
    code === "session_expired" ? { fields: { state } } : {},
  );
}

/** Whether a session in this state has a connection, as far as its record knows (S-CLK-4). */
export function isAttached(state: SessionState): boolean {
  return state === "authenticated" || state === "active";
}
