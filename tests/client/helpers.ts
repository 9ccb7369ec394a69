/** A client for tests: quick to try again, deterministic, and it remembers its events. @module */
import {
  type Client,
  type ClientEvent,
  connect,
  type ConnectOptions,
  type Source,
} from "../../src/client/mod.ts";
import type { ClientConnection } from "../../src/client/client_connection.ts";
import { ConnectionRunner } from "../../src/client/connection_runner.ts";
import { resolveOptions } from "../../src/client/options.ts";
import { SendQueue } from "../../src/client/send_queue.ts";
import { Transmitter } from "../../src/client/transmitter.ts";
import { EventLog } from "../helpers/event_log.ts";
import type { PeerConnection, Received } from "./scripted_peer.ts";

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

/** A source of these bytes that does something before each of its reads; reads are counted from 1. */
export function hookedSource(
  bytes: Uint8Array,
  beforeRead: (count: number) => void | Promise<void>,
  more: Partial<Source> = {},
): Source & { closed: number } {
  let reads = 0;
  return {
    size: bytes.length,
    closed: 0,
    async read(into, offset) {
      await beforeRead(++reads);
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length || null;
    },
    close() {
      this.closed++;
    },
    ...more,
  };
}

/** Takes the connect as a server without a session to give. */
export async function terms(
  peer: PeerConnection,
  body: Record<string, unknown> = {},
): Promise<Received> {
  const connect = await peer.request();
  const limits = { max_request_size: 1000 };
  await peer.reply({
    frame: {
      ...connect.frame,
      header: {
        ...connect.frame.header,
        session: { ...connect.frame.header.session, id: null, mode: "stateless" },
      },
    },
  } as Received, { code: "ok", mode: "stateless", limits, ...body });
  return connect;
}

/** What sends the files of a queue on a connection that a test has made, without a session. */
export async function statelessRunner(
  connection: unknown,
  asked: ConnectOptions = {},
): Promise<{ queue: SendQueue; runner: ConnectionRunner }> {
  const options = await resolveOptions(asked);
  const queue = new SendQueue(options);
  queue.started(undefined, "stateless");
  const runner = new ConnectionRunner({
    ...options,
    connection: connection as ClientConnection,
    queue,
    transmitter: new Transmitter(options.now),
    session: { id: null, mode: "stateless" },
    keepaliveMs: 30_000,
  });
  return { queue, runner };
}
