/**
 * A link to several Redis servers that outlives each of them. When a server is lost, a new client finds
 * out which servers there are now, and takes the place of the old client. mod.ts tells why the clients of
 * the package may not do that themselves.
 *
 * @module
 */
import { Deadlines } from "../deadlines.ts";
import type { Logger } from "../log.ts";
import type { RedisClient, RedisSubscriber } from "../store/mod.ts";
import { pause, within } from "../within.ts";
import {
  DEAD_MS,
  isForbidden,
  isReplica,
  MAX_WAITING,
  reasonOf,
  type RedisLink,
  retryDelay,
  START_MS,
} from "./client.ts";

type Listener = (message: string) => void;

/** What a listener hears, and who waits for the first time that Redis has accepted its channel. */
interface Subscription extends PromiseWithResolvers<void> {
  readonly channel: string;
  readonly deliver: Listener;
}

/** A client that is used until it loses a server, and then replaced. */
export interface ReplaceableClient extends RedisSubscriber, RedisClient {
  /** Finds the servers, or rejects. It is called once. */
  connect(): Promise<unknown>;
  /** Whether the client still has its servers, and they still have the parts they had. */
  usable(): boolean;
  /** Closes the connections. Commands that wait for a reply reject. */
  destroy(): Promise<void>;
}

/** Makes a client that is not connected yet. The client calls `reportTrouble` with every error it meets. */
export type MakeClient = (reportTrouble: (error: unknown) => void) => ReplaceableClient;

/**
 * After a client that worked for this long, in milliseconds, the pauses between tries to connect begin
 * with the shortest again.
 */
const STABLE_MS = 5000;

/** Commands and messages of several Redis servers, by one client after the other. */
export class RenewingLink implements RedisLink, RedisSubscriber {
  /** Sends each command through the current client. */
  readonly client: RedisClient = { sendCommand: (args) => this.#send(args) };
  /** Listens to messages, also after a failover. */
  readonly subscriber: RedisSubscriber = this;
  readonly #make: MakeClient;
  readonly #log: Logger;
  readonly #subscriptions = new Map<Listener, Subscription>();
  /** Replaced clients, with the timers that will destroy them. */
  readonly #retired = new Map<ReplaceableClient, ReturnType<typeof setTimeout>>();
  #current: ReplaceableClient | undefined;
  /** `#current` answers as a replica, and takes no writes. */
  #stale = false;
  /** Redis does not let this user hear a channel. */
  #forbidden = false;
  /** When `#current` took its place, by the clock of `performance`. */
  #since = 0;
  /** Tries to connect since the last stable client. */
  #tries = 0;
  /** Commands without a reply. */
  #waiting = 0;
  /** When a machine vanishes without closing its connections, TCP notices a quarter of an hour later. */
  readonly #deadlines = new Deadlines(DEAD_MS);
  /** Settles when `#current` is usable again; undefined while it is. */
  #renewing: Promise<void> | undefined;
  /** The reason for the loss that was logged last; undefined after a new client has connected. */
  #lost: string | undefined;
  readonly #closed = new AbortController();

  private constructor(make: MakeClient, log: Logger) {
    this.#make = make;
    this.#log = log;
  }

  /** Connects. If that takes longer than a start may take, the link goes on trying by itself. */
  static async start(make: MakeClient, log: Logger): Promise<RenewingLink> {
    const link = new RenewingLink(make, log);
    link.#renewing = link.#renew(0);
    await within(START_MS, link.#renewing);
    return link;
  }

  async #send(args: string[]): Promise<unknown> {
    const current = this.#current;
    if (current === undefined) throw new Error("There is no connection");
    if (this.#waiting >= MAX_WAITING) throw new Error("Too many commands wait");
    this.#waiting++;
    try {
      return await this.#deadlines.keep(current.sendCommand(args), () => this.#drop(current));
    } catch (error) {
      if (isReplica(error) && current === this.#current) this.#stale = true;
      if (!current.usable() || this.#stale) this.#reportTrouble(error);
      throw error;
    } finally {
      this.#waiting--;
    }
  }

  /** Calls `listener` with each message. Around a failover a message may come twice, or be lost. */
  async subscribe(channel: string, listener: Listener): Promise<void> {
    const deliver = (message: string) => {
      // A client that was replaced may deliver a message after `unsubscribe`.
      if (this.#subscriptions.get(listener)?.deliver === deliver) listener(message);
    };
    const subscription = { channel, deliver, ...Promise.withResolvers<void>() };
    this.#subscriptions.set(listener, subscription);
    const current = this.#current;
    if (current !== undefined) {
      await this.#begin(current, subscription).catch((error) => this.#drop(current, error));
    }
    await subscription.promise;
  }

  /** A channel that Redis refuses is no reason to do without Redis: the store is told, and does without it. */
  async #begin(client: ReplaceableClient, subscription: Subscription): Promise<void> {
    const { channel, deliver, promise, resolve, reject } = subscription;
    try {
      await client.subscribe(channel, deliver);
      resolve();
    } catch (error) {
      if (!isForbidden(error)) throw error;
      this.#forbidden = true;
      promise.catch(() => {});
      reject(error);
    }
  }

  /** Ends what `subscribe` began. */
  async unsubscribe(channel: string, listener: Listener): Promise<void> {
    const deliver = this.#subscriptions.get(listener)?.deliver;
    this.#subscriptions.delete(listener);
    if (deliver !== undefined) await this.#current?.unsubscribe(channel, deliver);
  }

  /** Whether messages arrive now. */
  listening(): boolean {
    return this.#current?.usable() === true && !this.#forbidden;
  }

  /** Logs a new reason, and begins to look for a usable client, unless that is under way. */
  #reportTrouble(error: unknown): void {
    const reason = reasonOf(error);
    if (reason !== this.#lost) this.#log.warn("redis.lost", { reason });
    this.#lost = reason;
    if (this.#closed.signal.aborted) return;
    this.#renewing ??= this.#renew(retryDelay(this.#tries));
  }

  /** Stops using a client at once. */
  #drop(current: ReplaceableClient, error: unknown = new Error()): void {
    if (this.#current !== current) return;
    this.#current = undefined;
    this.#retire(current, 0);
    this.#reportTrouble(error);
  }

  async #renew(firstPause: number): Promise<void> {
    if (performance.now() - this.#since > STABLE_MS) this.#tries = 0;
    for (let ms = firstPause;; ms = retryDelay(this.#tries)) {
      // Disposing of the link ends the pause.
      if (ms > 0) await pause(ms, this.#closed.signal);
      if (this.#closed.signal.aborted || (this.#current?.usable() && !this.#stale)) break;
      this.#tries++;
      if (await this.#open()) break;
    }
    this.#renewing = undefined;
  }

  /** Makes one try to connect with a new client; false if it has failed. */
  async #open(): Promise<boolean> {
    const next = this.#make((error) => this.#reportTrouble(error));
    let ready = false;
    const opening = (async () => {
      await next.connect();
      this.#forbidden = false;
      for (const each of this.#subscriptions.values()) await this.#begin(next, each);
      ready = true;
    })().catch((error) => this.#reportTrouble(error));
    await within(START_MS, opening);
    if (!ready || this.#closed.signal.aborted) {
      await within(START_MS, next.destroy());
      return false;
    }
    // The old client delivers messages until now, and gets some time to finish its commands.
    if (this.#current !== undefined) this.#retire(this.#current, START_MS);
    this.#current = next;
    this.#stale = false;
    this.#since = performance.now();
    this.#lost = undefined;
    this.#log.info("redis.ready");
    return true;
  }

  /** Destroys a client after `ms` milliseconds. */
  #retire(old: ReplaceableClient, ms: number): void {
    this.#retired.set(
      old,
      setTimeout(() => {
        this.#retired.delete(old);
        void old.destroy();
      }, ms),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    this.#deadlines.close();
    await this.#renewing;
    const all = [...this.#retired.keys(), ...(this.#current === undefined ? [] : [this.#current])];
    for (const timer of this.#retired.values()) clearTimeout(timer);
    this.#current = undefined;
    await Promise.all(all.map((each) => each.destroy()));
  }
}
