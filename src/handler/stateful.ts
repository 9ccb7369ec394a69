/**
 * Stateful mode: a session with an id, sequence numbers, resume, expiry, and exactly-once storage.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import { type Logger, silentLogger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type {
  DisconnectRequest,
  ReplyBody,
  RequestFrame,
  TransferRequest,
} from "../protocol/mod.ts";
import { detach, expiryOf, fingerprint, judge, renewLease } from "../session/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { type Attachment, Attachments, type SessionServices } from "./attachments.ts";
import { Clock } from "./clock.ts";
import { connect } from "./connect.ts";
import { fetchFile } from "./fetch.ts";
import { Holdings } from "./holdings.ts";
import { sweepRegularly, watchTakeovers } from "./housekeeping.ts";
import { mustMay } from "./identity.ts";
import { listFiles } from "./list.ts";
import { abandon, finishPending } from "./open_file.ts";
import { executed } from "./recovery.ts";
import { removeOnce } from "./removal.ts";
import { isCounted, type Quotas } from "./quotas.ts";
import {
  DEFAULT_STATEFUL_OPTIONS,
  type StatefulChange,
  type StatefulOptions,
} from "./stateful_options.ts";
import { StoreHealth } from "./store_health.ts";
import type { Asker } from "./stored_files.ts";
import { stepBetween, totalsOf } from "./tell.ts";
import { transfer } from "./transfer.ts";
import type { ConnectionContext, Payload, Reply, Request, RequestHandler } from "./types.ts";

const pong = (lastSequence: number): Reply => (
  { body: { code: "pong", next_sequence: lastSequence + 1 } }
);

/** Every disconnect is the same request (S-SEQ-3). */
const DISCONNECT = fingerprint(
  { action: "disconnect", mimeType: "", complete: true, end: 0, principal: "" },
);

/** Who asks for stored files, for events. */
const askerOf = ({ record, context }: Attachment): Asker => ({
  ...stepBetween(record, record),
  connection: context.connectionId,
});

/** Serves sessions; see the text of its folder. Dispose of it after the server has stopped.
 * @category Server */
export class StatefulHandler implements RequestHandler, AsyncDisposable {
  readonly #services: SessionServices;
  readonly #housekeeping = new AsyncDisposableStack();

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
    const clock = options.now === undefined ? new Clock() : undefined;
    const now = clock?.now ?? options.now ?? Date.now;
    this.#services = {
      store,
      storage,
      options: { ...DEFAULT_STATEFUL_OPTIONS, ...options, now },
      holdings: new Holdings(store, now),
      attachments: new Attachments(),
      sights: new Map(),
      wallTime: options.now ?? Date.now,
      health: new StoreHealth(store, events),
      events,
      ...omitUndefined({ onStored, clock }),
      log,
    };
    // The answer comes before that to the first request for a record.
    void clock?.follow(store);
    this.#housekeeping.use(watchTakeovers(this.#services));
    this.#housekeeping.use(sweepRegularly(this.#services));
  }

  /** Attaches, stores, keeps alive or ends, by the frame's action. */
  handle(request: Request, context: ConnectionContext): Reply | Promise<Reply> {
    if (request.version === 1) {
      throw new TypeError("Cannot serve version 1: StatefulHandler serves version 2");
    }
    const { frame, payload } = request;
    if (frame.action === "connect") return connect(this.#services, frame, context);
    // S-CON-7: every other frame needs a session, and names it.
    const attachment = this.#services.attachments.of(context);
    if (attachment === undefined) {
      throw new FxferError("not_connected", "Cannot serve frame: connect to a session first");
    }
    const { id } = frame.header.session;
    if (id === null) attachment.metEarlyFrame();
    else if (id !== attachment.record.id) {
      throw new FxferError("not_connected", "Cannot serve frame: it names another session");
    }
    switch (frame.action) {
      case "transfer": {
        mustMay(context.identity, "put");
        const { quotas } = this.#services.options;
        return quotas !== undefined && isCounted(context.identity)
          ? transferCounted(quotas, attachment, frame, payload)
          : transfer(attachment, frame, payload);
      }
      case "heartbeat":
        return this.#numberless(frame, attachment, pong);
      case "disconnect":
        return this.#disconnect(frame, attachment);
      case "fetch":
        return this.#numberless(frame, attachment, () => {
          return fetchFile(this.#services, frame.data, context.identity, askerOf(attachment));
        });
      case "list":
        return this.#numberless(frame, attachment, () => {
          return listFiles(this.#services, frame.data, context, askerOf(attachment));
        });
      case "remove":
        return removeOnce(attachment, frame, askerOf(attachment));
    }
  }

  /**
   * S-SEQ-3, S-ACT-1: a frame that repeats the last sequence, or a smaller one, and consumes nothing. The
   * lease is renewed when half of it is gone.
   *
   * @param answer Called with the record by which the frame was judged.
   */
  #numberless(
    frame: RequestFrame,
    attachment: Attachment,
    answer: (lastSequence: number) => Reply | Promise<Reply>,
  ): Reply | Promise<Reply> {
    if (attachment.stale) {
      return attachment.refresh().then(() => this.#numberless(frame, attachment, answer));
    }
    const { header, action } = frame;
    const { lastSequence } = attachment.record;
    if (header.session.sequence > lastSequence) {
      throw new FxferError("sequence_gap", `Cannot answer ${action}: it names a later sequence`, {
        fields: { expected: lastSequence },
      });
    }
    if (!attachment.leaseIsOld) return answer(lastSequence);
    return attachment.save(renewLease, false).then((before) => {
      attachment.tell("session.renewed", "S-CLK-4", before, {});
      return answer(lastSequence);
    });
  }

  /** S-DIS-1: closes the session and states its totals. */
  async #disconnect({ header }: DisconnectRequest, attachment: Attachment): Promise<Reply> {
    const { options } = this.#services;
    const { sequence, received } = header.session;
    await finishPending(attachment, sequence, DISCONNECT);
    const verdict = judge(attachment.record, sequence, DISCONNECT);
    if (verdict.kind === "refuse") throw verdict.error;
    if (verdict.kind === "replay") return { body: verdict.reply as ReplyBody, close: true };
    const { record } = attachment;
    const reply: ReplyBody = {
      code: "session_closed",
      ...totalsOf(record),
      messages: record.messageCount + 1,
      duration_ms: options.now() - record.createdAt,
    };
    const frame = { sequence, received, fingerprint: DISCONNECT };
    const before = await attachment.save((r) =>
      executed(options, r, frame, reply, null, undefined, "disconnect")
    );
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
    const { attachments } = this.#services;
    const attachment = attachments.of(context);
    if (attachment === undefined) return;
    let isSaved = false;
    try {
      if (!attachment.displaced) await attachment.settle();
      isSaved = !attachment.displaced;
      const { record } = attachment;
      if (attachment.yielding || attachment.displaced || record.endedAt !== null) return;
      const before = await attachment.save(detach, false);
      attachment.tell("session.detached", "S-DIS-1", before, { expires_ms: expiryOf(record) });
    } catch (error) {
      // The lease runs out instead (S-CLK-4).
      context.log.warn("session.undetached", { cause: error });
    } finally {
      attachment.unannounced?.close(isSaved);
      await attachments.remove(attachment);
    }
  }

  /** Changes terms for what comes: sessions that exist keep what was agreed with them. */
  change(options: StatefulChange): void {
    Object.assign(this.#services.options, options);
  }

  /** How many connections of this process hold a session. */
  get attached(): number {
    return this.#services.attachments.holders.size;
  }

  /** Stops sweeping and closes the files of detached sessions; their bytes and records stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#housekeeping.disposeAsync();
    for (const { upload } of this.#services.attachments.parked.values()) await upload.release();
  }
}

/** A transfer of a user with a quota: what the file counts is given back unless it is stored or stays open. */
async function transferCounted(
  quotas: Quotas,
  attachment: Attachment,
  frame: TransferRequest,
  payload: Payload,
): Promise<Reply> {
  const { user } = attachment.context.identity;
  try {
    return await transfer(attachment, frame, payload, quotas);
  } finally {
    const { stale, record: { id, upload, intent } } = attachment;
    if (upload === null && intent === null && !stale) await quotas.release(user!, id);
  }
}
