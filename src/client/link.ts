/**
 * One connection at work: a writer that takes items from the outbox, a reader that hands replies
 * back, and a watch that keeps the connection alive or declares it dead. Ends when the connection
 * does; what was unanswered stays in the outbox.
 *
 * @module
 */
import { CODES, FxferError } from "../errors.ts";
import { encodeRequest } from "../protocol/mod.ts";
import { type ClientConnection, CLOSE_TIMEOUT_MS } from "./client_connection.ts";
import type { ClientEvent } from "./events.ts";
import { asLost, isLost, localError } from "./failures.ts";
import type { Item, Outcome } from "./items.ts";
import type { Outbox } from "./outbox.ts";
import type { Sender, Transmitter } from "./transmit.ts";

import { Gate } from "./wait.ts";

/** What a link works with. */
export interface LinkOptions {
  readonly connection: ClientConnection;
  readonly outbox: Outbox;
  readonly transmitter: Transmitter;
  readonly sender: Sender;
  readonly keepaliveMs: number;
  readonly now: () => number;
  readonly onEvent: (event: ClientEvent) => void;
}

/** See the module's text. */
export class Link {
  /** Opened by the outbox when something can be taken. */
  readonly gate: Gate = new Gate();
  readonly #options: LinkOptions;
  /** Whether heartbeats and the watch run: without a session an idle connection may simply end. */
  readonly #session: boolean;
  #ended: Outcome | undefined;
  /** When the network last took payload: bytes that move are a sign of life too. */
  #movedAt: number;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#session = options.sender.id !== null;
    this.#movedAt = options.now();
  }

  /** Serves the connection to its end. Never rejects. */
  async run(): Promise<Outcome> {
    const { connection } = this.#options;
    this.#watchAgain();
    const writing = this.#write();
    await this.#read();
    clearTimeout(this.#watch);
    clearTimeout(this.#linger);
    // Only after an answer to the disconnect both sides are done (S-DIS-2); else nothing is owed.
    if (this.#ended!.kind === "closed") await connection.finish();
    else connection.close();
    this.gate.open();
    await writing;
    return this.#ended!;
  }

  /** Ends the link: what is unanswered is sent again over another connection. */
  cut(error: FxferError): void {
    this.#end({ kind: "lost", error });
    this.#options.connection.close();
  }

  #end(outcome: Outcome): void {
    this.#ended ??= outcome;
    this.gate.open();
  }

  async #read(): Promise<void> {
    const { connection, outbox, onEvent } = this.#options;
    try {
      while (this.#ended === undefined) {
        const reply = await connection.receive();
        if (reply === undefined) {
          throw new FxferError("connection_lost", "Cannot go on: the server closed the connection");
        }
        const { header: { session: { action } }, body } = reply;
        let outcome: Outcome | undefined;
        if (action === "disconnect" && !this.#answersDisconnect(body.code)) {
          const { code, retry_after_ms: retryAfterMs } = body;
          onEvent({ type: "notice", code, retryAfterMs });
          outcome = outbox.notice(body);
        } else {
          outcome = outbox.answer(body);
        }
        if (outcome !== undefined) this.#end(outcome);
      }
    } catch (error) {
      this.#end({ kind: "lost", error: asLost(error) });
    }
  }

  /** A notice looks like the answer to a disconnect, but for its code. */
  #answersDisconnect(code: keyof typeof CODES): boolean {
    const kind = CODES[code].class;
    return this.#options.outbox.unanswered("disconnect") &&
      (kind === "success" || kind === "resync" || code === "store_unavailable");
  }

  async #write(): Promise<void> {
    const { outbox } = this.#options;
    try {
      while (this.#ended === undefined) {
        if (outbox.done) return await this.#leave();
        const item = outbox.take() ?? (this.#heartbeatMs() <= 0 ? outbox.heartbeat() : undefined);
        if (item !== undefined) {
          await this.#send(item);
          continue;
        }
        const waits = [outbox.holdMs, this.#heartbeatMs()].filter((ms) => ms !== undefined);
        const ms = Math.min(...waits);
        await this.gate.wait(ms < Infinity ? ms : undefined);
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Without a session there is nobody to say goodbye to: the orderly end is all (S-DIS-2). */
  async #leave(): Promise<void> {
    const { connection } = this.#options;
    this.#end({ kind: "closed", totals: undefined });
    this.#linger = setTimeout(() => connection.close(), CLOSE_TIMEOUT_MS);
    await connection.closeWrite();
  }

  async #send(item: Item): Promise<void> {
    const { connection, transmitter, sender } = this.#options;
    const moved = () => void (this.#movedAt = this.#options.now());
    if (item.kind === "transfer") {
      moved();
      try {
        return await transmitter.send(connection, sender, item.frame, moved);
      } catch (error) {
        if (!isLost(error)) item.frame.upload.fail(localError(error));
        throw error;
      }
    }
    const { kind, sequence } = item;
    await connection.write(
      encodeRequest(
        kind === "cancel"
          ? {
            ...sender,
            sequence,
            action: "transfer",
            data: {
              ...(item.uploadId === undefined ? {} : { uploadId: item.uploadId }),
              cancel: true,
            },
          }
          : { ...sender, sequence, action: kind },
      ),
    );
  }

  /** Writing is over. A refusal may stand behind a failed write: it is read first (S-TRF-8). */
  #failed(error: unknown): void {
    // A source that failed inside a frame leaves a frame that cannot be completed.
    if (!isLost(error)) return this.cut(asLost(error));
    if (this.#ended !== undefined) return;
    this.#linger = setTimeout(() => this.#options.connection.close(), CLOSE_TIMEOUT_MS);
  }

  /** Milliseconds until a heartbeat is due: after half the keep-alive without a byte sent. */
  #heartbeatMs(): number {
    if (!this.#session) return Infinity;
    const { connection, keepaliveMs, now, outbox } = this.#options;
    if (outbox.unanswered("heartbeat")) return Infinity;
    return connection.sentAt + keepaliveMs / 2 - now();
  }

  /** Nothing heard and nothing moved for 1.5 keep-alive times: the connection counts as lost. */
  #watchAgain(): void {
    const { connection, keepaliveMs, now, outbox } = this.#options;
    const waiting = this.#session || outbox.unanswered("transfer");
    const left = Math.max(connection.heardAt, this.#movedAt) + 1.5 * keepaliveMs - now();
    if (left > 0 || !waiting) {
      const ms = Math.max(left, keepaliveMs / 4);
      this.#watch = setTimeout(() => this.#watchAgain(), ms);
      return;
    }
    this.cut(new FxferError("connection_lost", "Cannot go on: nothing was heard from the server"));
  }
}
