/**
 * Messages of takeovers between servers on one Redis: one channel, on which every server publishes and to
 * which every server subscribes.
 *
 * A user of Redis 7 may use no channel unless its ACL says so. Then no message is sent or heard. That is
 * said once, and costs a second at most: a server that does not hear looks at its sessions instead.
 *
 * @module
 */
import { type FxferError, reasonOf } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { RedisCommands, RedisSubscriber } from "./redis_client.ts";
import type { TakeoverListener, TakeoverWatch } from "./types.ts";

/** Sends and hears the messages. */
export class RedisTakeovers {
  readonly #commands: RedisCommands;
  readonly #channel: string;
  readonly #log: Logger;
  #told = false;

  constructor(commands: RedisCommands, prefix: string, log: Logger) {
    this.#commands = commands;
    this.#channel = `${prefix}takeover`;
    this.#log = log;
  }

  /** Tells every server that listens. */
  async announce(id: string, epoch: number): Promise<void> {
    try {
      await this.#commands.send("announce takeover", ["PUBLISH", this.#channel, `${epoch} ${id}`]);
    } catch (error) {
      if (!this.#forbidden((error as FxferError).cause)) throw error;
    }
  }

  /** Calls `listener` with each message, until it is disposed of. */
  watch(subscriber: RedisSubscriber, listener: TakeoverListener): TakeoverWatch {
    const hear = (message: string) => {
      const [, epoch, id] = /^(\d{1,15}) (.+)$/.exec(message) ?? [];
      if (id !== undefined) listener(id, Number(epoch));
    };
    let subscribed = false;
    subscriber.subscribe(this.#channel, hear).then(
      () => subscribed = true,
      (error) => this.#forbidden(error),
    );
    return {
      hearing: () => subscribed && subscriber.listening?.() !== false,
      [Symbol.asyncDispose]: async () => {
        await subscriber.unsubscribe(this.#channel, hear).catch(() => {});
      },
    };
  }

  /** Whether Redis has refused the channel to this user: then that is said, once. */
  #forbidden(error: unknown): boolean {
    if (!reasonOf(error).startsWith("NOPERM")) return false;
    const facts = { store: "redis", channel: this.#channel, reason: "NOPERM" };
    if (!this.#told) this.#log.warn("takeover.unheard", facts);
    return this.#told = true;
  }
}
