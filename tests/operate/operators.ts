/** A server with its door for operators, and what asks there. @module */
import assert from "node:assert/strict";
import { Program, type ServeOptions } from "../helpers/program.ts";
import type { Json } from "../helpers/raw_frame.ts";

/** What a door answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; empty where it is none. */
  readonly json: Json;
}

/** How to ask. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** Asks once. */
export async function ask(port: number, path: string, options: Ask = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body } = options;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    redirect: "manual",
    headers: { ...body === undefined ? {} : { "content-type": "application/json" }, ...headers },
    ...body === undefined ? {} : { body: JSON.stringify(body) },
  });
  const text = await response.text();
  let json: Json = {};
  try {
    json = JSON.parse(text);
  } catch {
    // not JSON
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** A running server whose door is open. */
export interface Operated extends AsyncDisposable {
  readonly server: Program;
  /** The port of the door. */
  readonly door: number;
  ask(path: string, options?: Ask): Promise<Answer>;
}

/** Starts a server with an open door. */
export async function operated(options: ServeOptions = {}): Promise<Operated> {
  const server = await Program.serve({ ...options, set: { "admin.port": 0, ...options.set } });
  const { port } = await server.event("admin.listening");
  return {
    server,
    door: port,
    ask: (path, how) => ask(port, path, how),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The values of a metric by their labels as text, `{}` for none. */
export function metric(text: string, name: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, found, labels = "", value] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
    if (found === name) values.set(labels, Number(value));
  }
  assert.ok(values.size > 0, `${name} is a metric`);
  return values;
}
