/**
 * Stateful mode: a session with an id, sequence numbers, resume, expiry, and exactly-once storage.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import { type Logger, silentLogger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { DisconnectRequest, HeartbeatRequest, ReplyBody } from "../protocol/mod.ts";
import { detach, execute, fingerprint, judge, renewLease } from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { type Attachment, Attachments } from "./attachments.ts";
import { connect, degrade } from "./connect.ts";
import { abandon, finishPending } from "./incoming.ts";
import { watchTakeovers } from "./fencing.ts";
import { SessionWriter } from "./session_writer.ts";
import {
  DEFAULT_STATEFUL_OPTIONS,
  type SessionServices,
  type StatefulOptions,
} from "./services.ts";
import { sweep, SWEEP_MS } from "./sweeper.ts";
import { totalsOf } from "./tell.ts";
import { transfer } from "./transfer.ts";
import type { ConnectionContext, Reply, Request, RequestHandler } from "./types.ts";

/** Serves sessions; see the module's text. Dispose of it after the server has stopped.
 * @category Server */
export class StatefulHandler implements RequestHandler, AsyncDisposable {
  readonly #services: SessionServices;
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #takeovers: AsyncDisposable;
  #sweeping: Promise<void> | undefined;

  /**
   * Serves the sessions of one store.
   *
   * @param store Remembers the sessions; the caller disposes of it.
   * @param storage Keeps the files; the caller disposes of it.
   */
  constructor(
    store: SessionStore,
    storage: FileStorage,
    options: Partial<StatefulOptions> = {},
    log: Logger = silentLogger,
  ) {
    const { events = new Events(), onStored } = options;
    this.#services = {
      store,
      storage,
      options: { ...DEFAULT_STATEFUL_OPTIONS, ...options },
      attachments: new Attachments(),
      writer: new SessionWriter(store, events),
      events,
      ...omitUndefined({ onStored }),
      log,
    };
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#takeovers = watchTakeovers(this.#services);
  }

  /** Attaches, stores, keeps alive or ends, by the frame's action. */
  async handle(request: Request, context: ConnectionContext): Promise<Reply> {
    if (request.version === 1) {
      throw new TypeError("Cannot serve version 1: StatefulHandler serves version 2");
    }
    const { frame, payload } = request;
    if (frame.action === "connect") {
      const { writer } = this.#services;
      try {
        const reply = await connect(this.#services, frame, context);
        writer.answered();
        return reply;
      } catch (error) {
        writer.failed(error);
        return degrade(this.#services, frame.data, context, error);
      }
    }
    const attachment = this.#services.attachments.of(context);
    if (attachment === undefined) {
      throw new FxferError("not_connected", "Cannot serve frame: connect to a session first");
    }
    if (frame.header.session.id !== attachment.record.id) {
      throw new FxferError("not_connected", "Cannot serve frame: it names another session");
    }
    switch (frame.action) {
      case "transfer":
        return await transfer(this.#services, attachment, frame, payload);
      case "heartbeat":
        return await this.#heartbeat(frame, attachment);
      case "disconnect":
        return await this.#disconnect(frame, attachment);
    }
  }

  /** S-SEQ-3: repeats the last sequence and consumes nothing; the lease is renewed when half of it is gone. */
  async #heartbeat(frame: HeartbeatRequest, attachment: Attachment): Promise<Reply> {
    const { writer, options } = this.#services;
    if (attachment.stale) await writer.refresh(attachment);
    const { record } = attachment;
    if (frame.header.session.sequence > record.lastSequence) {
      throw new FxferError("sequence_gap", "Cannot answer heartbeat: it names a later sequence", {
        fields: { expected: record.lastSequence },
      });
    }
    const now = options.now();
    if (record.leaseUntil - now < record.keepaliveMs) {
      const before = await writer.save(attachment, (r) => renewLease(r, now), false);
      attachment.tell("session.renewed", "S-CLK-4", before, {});
    }
    return { body: { code: "pong", next_sequence: record.lastSequence + 1 } };
  }

  /** S-DIS-1: closes the session and states its totals. */
  async #disconnect(frame: DisconnectRequest, attachment: Attachment): Promise<Reply> {
    const { writer, options } = this.#services;
    await finishPending(this.#services, attachment);
    const { sequence } = frame.header.session;
    const print = fingerprint({
      action: "disconnect",
      mimeType: "",
      complete: true,
      end: 0,
      principal: "",
    });
    const verdict = judge(attachment.record, sequence, print);
    if (verdict.kind === "refuse") throw verdict.error;
    if (verdict.kind === "replay") return { body: verdict.reply as ReplyBody, close: true };
    const { record } = attachment;
    const reply: ReplyBody = {
      code: "session_closed",
      ...totalsOf(record),
      messages: record.messageCount + 1,
      duration_ms: options.now() - record.createdAt,
    };
    const before = await writer.save(attachment, (r) =>
      execute(r, {
        sequence,
        fingerprint: print,
        reply,
        upload: null,
        storedBytes: 0,
        storedFiles: 0,
        maxInflight: options.maxInflight,
        now: options.now(),
        input: "disconnect",
      }));
    const closed = attachment.record;
    attachment.tell("session.closed", "S-DIS-1", before, totalsOf(closed));
    await abandon(attachment);
    if (before.upload !== null) {
      attachment.tell("transfer.dropped", "S-TRF-4", closed, { reason: "ended" });
    }
    return { body: reply, close: true };
  }

  /** S-DIS-1: a connection that ends without disconnect leaves its session detached. */
  async closed(context: ConnectionContext): Promise<void> {
    const { attachments, writer, options } = this.#services;
    const attachment = attachments.of(context);
    if (attachment === undefined) return;
    try {
      const { record } = attachment;
      if (attachment.yielding || attachment.displaced || record.endedAt !== null) return;
      const before = await writer.save(attachment, (r) => detach(r, options.now()), false);
      attachment.tell("session.detached", "S-DIS-1", before, { expires_ms: record.expiryMs });
    } catch (error) {
      // The lease runs out instead (S-CLK-4).
      context.log.warn("session.undetached", { cause: error });
    } finally {
      await attachments.remove(attachment);
    }
  }

  #sweep(): void {
    const { writer, log } = this.#services;
    this.#sweeping ??= sweep(this.#services)
      .then(() => writer.proveBack().catch(() => {}), (error) => {
        writer.failed(error);
        log.warn("sweep.failed", { cause: error });
      })
      .finally(() => this.#sweeping = undefined);
  }

  /** Stops sweeping and closes the files of detached sessions; their bytes and records stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#takeovers[Symbol.asyncDispose]();
    await this.#sweeping;
    for (const upload of this.#services.attachments.unparkAll()) await upload.release();
  }
}
