/** What a client may send behind its connect, before the server has answered it (S-CON-9). @module */
import { FxferError } from "../errors.ts";
import {
  MAX_EARLY_BYTES,
  MAX_HEADER_BYTES,
  MAX_SESSION_DATA_BYTES,
  type Mode,
} from "../protocol/mod.ts";
import type { ConnectionRunnerParts } from "./connection_runner.ts";
import type { HandshakeReply, Opening } from "./handshake.ts";
import type { Terms } from "./terms.ts";
import type { ConnectOptions } from "./types.ts";

/** The payload of one early frame: a longer file goes on in other frames, some of them early as well. */
const FRAME_BYTES = 256 * 1024;

/** The longest early frame, with its head. */
const MAX_FRAME_BYTES = FRAME_BYTES + MAX_HEADER_BYTES + MAX_SESSION_DATA_BYTES;

/**
 * The terms by which a new client sends at once; undefined if it has to wait for the server's own. It waits
 * with a key, because the server must first show that it has the key as well (S-KEY-4), in an earlier
 * session, whose next number it does not know for sure, and where it may meet a version 1 server.
 */
export function earlyTerms(options: ConnectOptions): Terms | undefined {
  const { knownTerms: known, mode, key, sessionId, allowV1 = false } = options;
  if (known === undefined || known.mac || key !== undefined || allowV1) return undefined;
  // Outside of sessions each frame stands alone: only how much is sent unasked has a limit.
  if (mode === "stateless") return known;
  if (sessionId !== undefined || !known.features.includes("early")) return undefined;
  const maxRequestSize = Math.min(known.limits.maxRequestSize, FRAME_BYTES);
  return { ...known, limits: { ...known.limits, maxRequestSize } };
}

/** Whether frames that were made by `known` terms are right by those that the server has now stated. */
function stillHold(known: Terms, { features, limits, maxInflight, mac }: Terms): boolean {
  return !mac && maxInflight >= known.maxInflight &&
    limits.maxRequestSize >= known.limits.maxRequestSize &&
    known.features.every((feature) => features.includes(feature));
}

/** What a runner has to know of a connection that is answered, or will be. */
export type OpenedParts = Pick<ConnectionRunnerParts, "session" | "keepaliveMs" | "opening">;

/** The server's terms are not those by which frames went out: the client connects again, and waits. */
export class TermsChanged extends FxferError {
  readonly answer: HandshakeReply;

  constructor(answer: HandshakeReply) {
    super("connection_lost", "Cannot go on with connection: the server's terms have changed");
    this.answer = answer;
  }
}

/** A connection on which requests go out before its connect is answered. */
export class EarlyOpening {
  /** Why the answer was of no use. */
  failure: unknown;
  readonly terms: Terms;
  readonly #mode: Mode;
  readonly #opening: Opening;

  /** @param terms By which the requests are made. */
  constructor(terms: Terms, mode: Mode, opening: Opening) {
    this.terms = terms;
    this.#mode = mode;
    this.#opening = opening;
  }

  /** What a runner begins with. @param accept Called with an answer by which the requests are right. */
  parts(accept: (answer: HandshakeReply) => OpenedParts): OpenedParts {
    const frame = this.#mode === "stateful" ? MAX_FRAME_BYTES : 0;
    return {
      session: { id: null, mode: this.#mode },
      keepaliveMs: this.terms.keepaliveS * 1000,
      opening: {
        mayFollow: (bytes) => bytes + frame <= MAX_EARLY_BYTES,
        answered: async () => {
          try {
            const answer = await this.#opening.reply();
            // A server without a session to give has refused the frames.
            const isAsAsked = (answer.sessionId === null) === (this.#mode === "stateless");
            if (isAsAsked && stillHold(this.terms, answer.terms)) return accept(answer);
            throw new TermsChanged(answer);
          } catch (error) {
            this.failure = error;
            throw error;
          }
        },
      },
    };
  }
}
