/**
 * A link to several Redis servers that outlives each of them: when one is lost, everything is found
 * out anew, with a new client, and the new one takes the place of the old.
 *
 * The package's own clients of a Cluster and of Sentinel find their way after a failover too, but
 * send a command again whose reply was lost, or let commands wait for a node that is gone. A store
 * must not have either, so a client here is never asked to repair itself.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log.ts";
import type { RedisClient, RedisSubscriber } from "../store/mod.ts";
import {
  atMost,
  DEAD_MS,
  MAX_WAITING,
  reasonOf,
  type RedisLink,
  retryDelay,
  START_MS,
} from "./client.ts";

type Listener = (message: string) => void;

/** One client, from its birth to the failover that ends it. */
export interface Generation extends RedisSubscriber, RedisClient {
  /** Finds the servers; rejects if it cannot, and does not try again. */
  connect(): Promise<unknown>;
  /** False when servers it relies on are lost, or have other duties now. */
  fit(): boolean;
  /** Ends its connections; what waits for a reply is rejected. */
  destroy(): Promise<void>;
}

/** Makes a client that is not connected yet. It calls `suspect` whenever something is odd. */
export type MakeGeneration = (suspect: (error: unknown) => void) => Generation;

/** A generation that lived shorter is followed by a longer pause than the one before. */
const LONG_LIFE_MS = 5000;

/** See the module's text. */
export class RenewingLink implements RedisLink, RedisSubscriber {
  /** Sends a command to whoever is responsible for its key now. */
  readonly client: RedisClient = { sendCommand: (args) => this.#send(args) };
  /** Listens, also after a failover. */
  readonly subscriber: RedisSubscriber = this;
  readonly #make: MakeGeneration;
  readonly #log: Logger;
  readonly #heard = new Map<Listener, { channel: string; hear: Listener }>();
  readonly #old = new Map<Generation, ReturnType<typeof setTimeout>>();
  #current: Generation | undefined;
  #since = 0;
  #tries = 0;
  #waiting = 0;
  #renewing: Promise<void> | undefined;
  #lost: string | undefined;
  readonly #closed = new AbortController();

  private constructor(make: MakeGeneration, log: Logger) {
    this.#make = make;
    this.#log = log;
  }

  /** Connects; goes on trying if that takes long. */
  static async start(make: MakeGeneration, log: Logger): Promise<RenewingLink> {
    const link = new RenewingLink(make, log);
    link.#renewing = link.#renew(0);
    await atMost(link.#renewing, START_MS);
    return link;
  }

  async #send(args: string[]): Promise<unknown> {
    const current = this.#current;
    if (current === undefined) throw new Error("There is no connection");
    if (this.#waiting >= MAX_WAITING) throw new Error("Too many commands wait");
    this.#waiting++;
    // A peer that vanished without a word would else hold its commands until TCP gives up.
    const timer = setTimeout(() => this.#startAnew(current), DEAD_MS);
    try {
      return await current.sendCommand(args);
    } catch (error) {
      if (!current.fit()) this.#suspect(error);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#waiting--;
    }
  }

  /** Calls `listener`, now and then twice for a message. */
  async subscribe(channel: string, listener: Listener): Promise<void> {
    const hear = (message: string) => {
      // The client before this one may still be listening.
      if (this.#heard.get(listener)?.hear === hear) listener(message);
    };
    this.#heard.set(listener, { channel, hear });
    const current = this.#current;
    await current?.subscribe(channel, hear).catch((error) => this.#startAnew(current, error));
  }

  /** Ends what `subscribe` began. */
  async unsubscribe(channel: string, listener: Listener): Promise<void> {
    const hear = this.#heard.get(listener)?.hear;
    this.#heard.delete(listener);
    if (hear !== undefined) await this.#current?.unsubscribe(channel, hear);
  }

  #suspect(error: unknown): void {
    const reason = reasonOf(error);
    if (reason !== this.#lost) this.#log.warn("redis.lost", { reason });
    this.#lost = reason;
    if (this.#closed.signal.aborted) return;
    this.#renewing ??= this.#renew(retryDelay(this.#tries));
  }

  #startAnew(current: Generation, error: unknown = new Error()): void {
    if (this.#current !== current) return;
    this.#current = undefined;
    this.#retire(current, 0);
    this.#suspect(error);
  }

  async #renew(pause: number): Promise<void> {
    if (performance.now() - this.#since > LONG_LIFE_MS) this.#tries = 0;
    for (let ms = pause;; ms = retryDelay(this.#tries)) {
      // The end of the link ends the pause too.
      if (ms > 0) {
        await sleep(ms, undefined, { signal: this.#closed.signal }).catch(() => {});
      }
      if (this.#closed.signal.aborted || this.#current?.fit()) break;
      this.#tries++;
      if (await this.#open()) break;
    }
    this.#renewing = undefined;
  }

  async #open(): Promise<boolean> {
    const next = this.#make((error) => this.#suspect(error));
    let ready = false;
    const opening = (async () => {
      await next.connect();
      for (const { channel, hear } of this.#heard.values()) await next.subscribe(channel, hear);
      ready = true;
    })().catch((error) => this.#suspect(error));
    await atMost(opening, START_MS);
    if (!ready || this.#closed.signal.aborted) {
      await atMost(next.destroy(), START_MS);
      return false;
    }
    // The old one hears until the new one does, and may finish what it was asked.
    if (this.#current !== undefined) this.#retire(this.#current, START_MS);
    this.#current = next;
    this.#since = performance.now();
    this.#lost = undefined;
    this.#log.info("redis.ready");
    return true;
  }

  #retire(old: Generation, ms: number): void {
    this.#old.set(
      old,
      setTimeout(() => {
        this.#old.delete(old);
        void old.destroy();
      }, ms),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#renewing;
    const all = [...this.#old.keys(), ...(this.#current === undefined ? [] : [this.#current])];
    for (const timer of this.#old.values()) clearTimeout(timer);
    this.#current = undefined;
    await Promise.all(all.map((each) => each.destroy()));
  }
}
