/** A client for tests: quick to try again, deterministic, and it remembers its events. @module */
import {
  type Client,
  type ClientEvent,
  connect,
  type ConnectOptions,
} from "../../src/client/mod.ts";
import { EventLog } from "../helpers/event_log.ts";

/** A client and what it told. */
export interface Watched extends AsyncDisposable {
  readonly client: Client;
  readonly events: EventLog<ClientEvent>;
}

/** Options of a client that does not wait long. */
export function quick(port: number, options: ConnectOptions = {}): ConnectOptions {
  return { port, backoff: { initialMs: 5, maxMs: 20 }, random: () => 0.5, ...options };
}

/** Connects; dispose it to close the client. */
export async function watched(port: number, options: ConnectOptions = {}): Promise<Watched> {
  const events = new EventLog<ClientEvent>();
  const client = await connect(quick(port, { onEvent: (event) => events.push(event), ...options }));
  return { client, events, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

/** A stream of the given chunks. */
export function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}
