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
import type { SendQueue } from "./send_queue.ts";
import type { Terms } from "./terms.ts";
import type { ConnectOptions } from "./types.ts";

/** The payload of one early frame: a longer file goes on in other frames, some of them early as well. */
const FRAME_BYTES = 256 * 1024;

/** The longest early frame, with its head. */
const MAX_FRAME_BYTES = FRAME_BYTES + MAX_HEADER_BYTES + MAX_SESSION_DATA_BYTES;

/** Terms by which frames are short enough to go out early. */
function withShortFrames({ limits, ...terms }: Terms): Terms {
  const maxRequestSize = Math.min(limits.maxRequestSize, FRAME_BYTES);
  return { ...terms, limits: { ...limits, maxRequestSize } };
}

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
  const mayBe = sessionId === undefined && known.features.includes("early");
  return mayBe ? withShortFrames(known) : undefined;
}

/** What of a client says whether it may send at once. */
interface Standing {
  readonly sessionId: string | null;
  readonly mode: Mode;
  /** As the server has stated them on the connection before. */
  readonly terms: Terms | undefined;
}

/** Says for each connection of a client whether requests go out before its connect is answered. */
export class EarlyStart {
  readonly #hasKey: boolean;
  /** The terms for the first connect. */
  #known: Terms | undefined;
  #last: EarlyOpening | undefined;

  constructor(options: ConnectOptions) {
    this.#known = earlyTerms(options);
    this.#hasKey = options.key !== undefined;
  }

  /**
   * @param queue What is to be sent, and the number that the session expects if that is known for sure.
   * @returns Undefined if the answer has to be read first.
   */
  open(
    opening: Opening,
    { sessionId, mode, terms }: Standing,
    { idle, sureNext }: Pick<SendQueue, "idle" | "sureNext">,
  ): EarlyOpening | undefined {
    const known = this.#known;
    this.#known = undefined;
    if (known !== undefined) return this.#last = new EarlyOpening(opening, known, mode);
    // What went wrong once may go wrong again.
    if (this.#last?.failure !== undefined || this.#hasKey || idle) return undefined;
    if (sessionId === null || sureNext === undefined || !terms?.features.includes("early")) {
      return undefined;
    }
    return this.#last = new EarlyOpening(opening, withShortFrames(terms), mode, sureNext);
  }
}

/** Whether frames that were made by `known` terms are right by those that the server has now stated. */
function stillHold(known: Terms, { features, limits, maxInflight, mac }: Terms): boolean {
  return !mac && maxInflight >= known.maxInflight &&
    limits.maxRequestSize >= known.limits.maxRequestSize &&
    known.features.every((feature) => features.includes(feature));
}

/** What a runner has to know of a connection that is answered, or will be. */
export type OpenedParts = Pick<ConnectionRunnerParts, "session" | "keepaliveMs" | "opening">;

/** The answer is not that by which frames went out: the client connects again, and waits. */
export class TermsChanged extends FxferError {
  readonly #answer: HandshakeReply;
  readonly #next: number | undefined;

  /** @param next The first number of the frames in a session that is resumed. */
  constructor(answer: HandshakeReply, next: number | undefined) {
    super("connection_lost", "Cannot go on with connection: the server's terms have changed");
    this.#answer = answer;
    this.#next = next;
  }

  /** Prepares the next connection, which resumes the session if there is one. */
  applyTo(client: { sessionId: string | null; token: string | undefined }, queue: SendQueue): void {
    const { sessionId, token, resumption, terms } = this.#answer;
    client.sessionId = sessionId;
    client.token = token ?? (resumption && client.token);
    // Another connection has used the numbers of these frames: they have not run, whatever ran under them.
    const isUsed = this.#next !== undefined && (resumption?.nextSequence ?? 0) > this.#next;
    if (isUsed) queue.started(terms, "stateful");
  }
}

/** A connection on which requests go out before its connect is answered. */
export class EarlyOpening {
  /** Why the answer was of no use. */
  failure: unknown;
  /** By which the requests are made. */
  readonly terms: Terms;
  /** The first number of a session that is resumed; undefined in a new one. */
  readonly next: number | undefined;
  readonly #mode: Mode;
  readonly #opening: Opening;

  constructor(opening: Opening, terms: Terms, mode: Mode, next?: number) {
    this.#opening = opening;
    this.terms = terms;
    this.#mode = mode;
    this.next = next;
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
            if (this.#isAsAsked(answer) && stillHold(this.terms, answer.terms)) {
              return accept(answer);
            }
            throw new TermsChanged(answer, this.next);
          } catch (error) {
            this.failure = error;
            throw error;
          }
        },
      },
    };
  }

  /** Whether this is the session that was meant. A server without one to give has refused the frames. */
  #isAsAsked({ sessionId, resumption }: HandshakeReply): boolean {
    if ((sessionId === null) !== (this.#mode === "stateless")) return false;
    return resumption?.nextSequence === this.next && resumption?.openFile === undefined;
  }
}
