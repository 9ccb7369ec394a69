/** What the Redis store needs of a client, and how long it waits for a reply. @module */
import { Deadlines } from "../deadlines.ts";
import { FxferError } from "../errors.ts";

/**
 * Sends commands to Redis. There is one method only, so that any client fits and the library imports none.
 *
 * The implementer guarantees: each command gets its own reply, whatever became of earlier commands; when
 * the connection is lost before the reply, the promise rejects and the command is not sent again; while
 * there is no connection, `sendCommand` rejects at once and does not queue commands without limit.
 *
 * In a Cluster the key of a command is at `args[1]`; that of `EVAL` and `EVALSHA` is at `args[3]`.
 * @category Store
 */
export interface RedisClient {
  /** Sends one command with its arguments. Returns Redis's reply: text, integer, array or null. */
  sendCommand(args: string[]): Promise<unknown>;
}

/** Listens to channels of Redis, on a connection of its own.
 * @category Store */
export interface RedisSubscriber {
  /**
   * Calls `listener` with each message. After a lost connection it subscribes again by itself.
   *
   * @returns Settles when the channel is heard for the first time. Rejects with Redis's reply if Redis
   * refuses the channel.
   */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** Ends what `subscribe` with these arguments began, whether it has settled or not. */
  unsubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** Whether messages arrive at this moment. Absent: from when `subscribe` has resolved. */
  listening?(): boolean;
}

/** Sends commands and waits for their replies. Whatever fails is thrown as `store_unavailable`. */
export class RedisCommands {
  readonly #client: RedisClient;
  readonly #deadlines: Deadlines;

  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client;
    this.#deadlines = new Deadlines(timeoutMs);
  }

  /** No command is sent any more; those under way keep their deadlines. */
  close(): void {
    this.#deadlines.close();
  }

  /**
   * Sends a command. A reply that comes too late is dropped together with its promise, so it can never
   * be taken for the reply to another command.
   *
   * @param action What is done, for the text of an error: "save session".
   */
  async send(action: string, args: string[]): Promise<unknown> {
    try {
      return await this.#deadlines.keep(this.#client.sendCommand(args));
    } catch (cause) {
      throw new FxferError("store_unavailable", `Cannot ${action}: Redis failed`, { cause });
    }
  }

  /** Runs a script by its SHA-1. If Redis does not know it (any more), sends its text. */
  async script(action: string, script: RedisScript, args: string[]): Promise<unknown> {
    try {
      return await this.send(action, ["EVALSHA", await script.sha1, ...args]);
    } catch (error) {
      const { cause } = error as FxferError;
      if (!(cause instanceof Error && cause.message.startsWith("NOSCRIPT"))) throw error;
      return await this.send(action, ["EVAL", script.text, ...args]);
    }
  }
}

/** A Lua script. */
export interface RedisScript {
  readonly text: string;
  /** SHA-1 of the text in hex: the name under which Redis keeps the script. */
  readonly sha1: Promise<string>;
}

/** Prepares a script for {@linkcode RedisCommands.script}. */
export function redisScript(text: string): RedisScript {
  const digest = crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return { text, sha1: digest.then((bytes) => new Uint8Array(bytes).toHex()) };
}
