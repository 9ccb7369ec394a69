/**
 * What a Redis store needs of a client, and how long it waits for it.
 *
 * @module
 */
import { FxferError } from "../errors.ts";

/**
 * Sends commands to Redis: one method, so that any client does, and the library imports none.
 *
 * It is expected to: answer each command with its own reply, whatever became of earlier ones; reject
 * when the connection is lost with the reply outstanding, and not send the command again; reject at
 * once, instead of queueing without bound, while there is no connection.
 *
 * A client of a Cluster finds the key of a command at `args[1]`, of `EVAL` and `EVALSHA` at `args[3]`.
 */
export interface RedisClient {
  /**
   * Sends one command.
   *
   * @param args The command and its arguments.
   * @returns Redis's reply: text, integer, array or null.
   */
  sendCommand(args: string[]): Promise<unknown>;
}

/** Listens to Redis's channels, on a connection of its own. */
export interface RedisSubscriber {
  /** Calls `listener` with each message; goes on by itself after the connection was lost. */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** Ends what `subscribe` with these arguments began. */
  unsubscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** Sends commands and waits for each a bounded time; everything that fails is `store_unavailable`. */
export class RedisCommands {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;

  constructor(client: RedisClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Sends a command. A reply that comes too late is dropped with the promise it belongs to, so it is
   * taken neither for this command nor for another.
   *
   * @param action For the error: "save session".
   */
  async send(action: string, args: string[]): Promise<unknown> {
    try {
      return await this.#within(this.#client.sendCommand(args));
    } catch (cause) {
      throw new FxferError("store_unavailable", `Cannot ${action}: Redis failed`, { cause });
    }
  }

  /** As `send` for a script that Redis may have forgotten: then it is sent whole. */
  async script(action: string, script: RedisScript, args: string[]): Promise<unknown> {
    try {
      const evalsha = ["EVALSHA", await script.sha1, ...args];
      return await this.#within(this.#client.sendCommand(evalsha));
    } catch (cause) {
      if (cause instanceof Error && cause.message.startsWith("NOSCRIPT")) {
        return await this.send(action, ["EVAL", script.text, ...args]);
      }
      throw new FxferError("store_unavailable", `Cannot ${action}: Redis failed`, { cause });
    }
  }

  async #within(reply: Promise<unknown>): Promise<unknown> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`No reply within ${this.#timeoutMs} ms`)),
      this.#timeoutMs,
    );
    try {
      // The loser of a race is handled by it: a rejection after the timeout is not unhandled.
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A Lua script with the name Redis keeps it under. */
export interface RedisScript {
  readonly text: string;
  /** SHA-1 of the text, hex. */
  readonly sha1: Promise<string>;
}

/** Prepares a script. */
export function redisScript(text: string): RedisScript {
  return { text, sha1: sha1Of(text) };
}

async function sha1Of(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
