/** What the client of one connection is told: replies, refusals, and the notice at the end. @module */
import { type Code, FxferError, isCode } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Reply, Request } from "../handler/mod.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { negotiateVersion, type ReplyBody, type ReplyHeader } from "../protocol/mod.ts";
import type { Credentials } from "./credentials.ts";
import { type HeldReplies, type Output, type V1Ack, V1Results } from "./output.ts";
import { NOTICE, refusalOf, refusedOf } from "./refusal.ts";
import type { Turns } from "./turns.ts";

/** What the answers of a connection are made with. */
export interface AnswerParts {
  /** The number of the connection. */
  readonly connection: number;
  /** The client's address. */
  readonly address: string;
  readonly output: Output;
  readonly credentials: Credentials;
  readonly v1Ack: V1Ack;
  readonly turns: Turns;
  /** Throws if the connection ends with a notice because of this error, and not with a reply. */
  readonly mustReply: (error: unknown) => void;
  readonly log: Logger;
  readonly events: Events;
}

/**
 * So many replies are saved together. Where a client has 32 or more requests in flight, a file takes 6 to 10 % less of
 * the server's processor than if 16 are saved together. More than 32 would bring nothing: after so many frames a
 * connection lets others have their turn (turns.ts), and what it has answered is saved and sent before that.
 */
const SAVED_TOGETHER = 32;

/** A reply that waits until what it says is saved, or for one before it. */
interface Held {
  readonly request: Request;
  readonly header: ReplyHeader;
  readonly reply: Pick<Reply, "body" | "payload" | "saved">;
}

/** Makes the answers of one connection and adds them to its output. */
export class Answers implements HeldReplies {
  /** Whether the last frame left its file open: the next one goes on with it. */
  openFile = false;
  readonly #parts: AnswerParts;
  readonly #v1Results: V1Results;
  /** The code of a stateful connect that has opened no session; undefined before one, and after another. */
  #noSession: Code | undefined;
  /** The header of the last request, which a notice repeats. */
  #last: ReplyHeader = NOTICE;
  #held: Held[] = [];
  /** How many replies the last save was for, if it took a turn of the event loop; else 0. */
  #together = 0;
  #releasing: Promise<void> | undefined;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
    this.#v1Results = new V1Results(parts.v1Ack, parts.output);
  }

  /** A request of version 2 is served from now on: its header is what answers repeat. */
  begin(request: Request): void {
    if (request.version === 1) return;
    const { version, session: { id, mode, sequence, action } } = request.frame.header;
    this.#last = { version: negotiateVersion(version)!, id, mode, sequence, action };
  }

  /** S-CON-9: throws the code of the connect for a frame that was sent behind it, if it has opened no session. */
  mustHaveSession(): void {
    const code = this.#noSession;
    if (code === undefined) return;
    const { id, mode, action } = this.#last;
    if (mode === "stateless" || id !== null || action === "connect") return;
    throw new FxferError(code, "Cannot serve frame: the connect before it has opened no session");
  }

  /** The body of the reply to a request that failed; without a request, that of a notice. */
  refuse(error: unknown, request?: Request): ReplyBody {
    const { connection, address, credentials: { identity } } = this.#parts;
    const sender = { address, ...omitUndefined({ user: identity.user }) };
    return refusalOf(error, refusedOf(connection, sender, request), this.#parts);
  }

  /** Adds a reply, up to its payload. */
  add(request: Request, reply: Reply): void {
    const { body, id, mode, payload, saved } = reply;
    if (request.version === 1) return this.#v1Results.add(body);
    const header = this.#last;
    if (header.action === "connect" && header.mode === "stateful") {
      const code = String(body.degraded ?? body.code);
      this.#noSession = typeof id !== "string" && isCode(code) ? code : undefined;
    }
    if (header.action === "transfer") this.openFile = body.code === "partial";
    if (id !== undefined || mode !== undefined) {
      this.#last = { ...header, id: id ?? null, mode: mode ?? header.mode };
    }
    if (saved === undefined && this.#held.length === 0) {
      return this.#send(this.#last, body, payload);
    }
    this.#held.push({ request, header: this.#last, reply });
    // Not for each connection: most never hold a reply, and new ones would take a tenth more time.
    this.#parts.output.before ??= this;
  }

  /** How many replies wait to be saved. */
  get count(): number {
    return this.#held.length;
  }

  /** A save that takes no turn of the event loop, as SQLite's, need not be for more than {@linkcode SAVED_TOGETHER}. */
  get full(): boolean {
    return this.#held.length >= SAVED_TOGETHER && this.#together === 0;
  }

  /**
   * Whether fewer replies wait than were saved together the last time: then more frames are probably here, and to
   * save them with these costs less than a save of their own. A save that nobody waits for, as SQLite's, costs
   * less than to look for them.
   */
  get expectsMore(): boolean {
    return this.#held.length > 0 && this.#held.length < this.#together;
  }

  /** Saves what the replies say that wait for it, and adds them; undefined if none does. */
  release(): Promise<void> | undefined {
    if (this.#held.length === 0) return this.#releasing;
    return this.#releasing = this.#release().finally(() => this.#releasing = undefined);
  }

  async #release(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    const { turns } = this.#parts;
    const pass = held.length > 1 ? turns.mark() : turns.passes;
    for (const { request, header, reply: { body, payload, saved } } of held) {
      let told = body;
      try {
        const saving = saved?.();
        if (saving !== undefined) await saving;
      } catch (error) {
        this.#parts.mustReply(error);
        told = this.refuse(error, request);
      }
      this.#send(header, told, payload);
    }
    this.#together = turns.passes === pass ? 0 : held.length;
  }

  /** Adds what a client of version 2 is told at the end, if anything. */
  notice(error: FxferError | undefined): void {
    if (error === undefined) return;
    this.#send({ ...this.#last, action: "disconnect" }, { ...this.refuse(error), notice: true });
  }

  /** Adds what a client of version 1 is told at the end. */
  finishV1(notice: FxferError | undefined): void {
    this.#v1Results.finish(notice);
  }

  #send(header: ReplyHeader, body: ReplyBody, payload?: Reply["payload"]): void {
    this.#parts.output.add(this.#parts.credentials.encode(header, body, payload));
  }
}
