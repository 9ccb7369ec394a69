/** Speaks to the door of a running server. @module */
import { type Endpoint, formatEndpoint } from "../../address.ts";
import { FxferError, reasonOf } from "../../errors.ts";

/** What a door answers, as JSON. */
// deno-lint-ignore no-explicit-any -- the shape is that of the door's own description
export type Answer = any;

/** A door and what is shown there. */
export class DoorClient {
  readonly #url: string;
  readonly #token: string | undefined;

  /** @param secure Whether the door speaks TLS. */
  constructor(door: Endpoint, token: string | undefined, secure: boolean) {
    this.#url = `${secure ? "https" : "http"}://${formatEndpoint(door)}/api/v1`;
    this.#token = token;
  }

  /** Asks once. @throws {FxferError} What the door refuses, in its own words. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#send(method, path, body);
    return response.status === 204 ? null : await response.json();
  }

  /** Asks for what is no JSON. @throws {FxferError} What the door refuses, in its own words. */
  async download(path: string, body: unknown): Promise<ReadableStream<Uint8Array>> {
    return (await this.#send("POST", path, body)).body!;
  }

  async #send(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#url + path, {
        method,
        headers: {
          ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
    } catch (cause) {
      throw new FxferError(
        "connection_lost",
        `Cannot ask door at ${this.#url}: nobody answers (server started with admin.port?)`,
        { cause },
      );
    }
    if (response.ok) return response;
    const { error, faults } = await response.json().catch(() => ({ error: "this is no door" }));
    const code = response.status === 401 || response.status === 403 || response.status === 429
      ? "unauthorized"
      : response.status === 503
      ? "store_unavailable"
      : "usage";
    const all = Array.isArray(faults)
      ? faults.map(({ path, message }) => `${path}: ${message}`).join("; ")
      : error;
    throw new FxferError(code, `The door refuses: ${all}`);
  }

  /** Events one by one, until `signal` is aborted or the server ends. */
  async *events(signal: AbortSignal): AsyncGenerator<Answer> {
    const { body } = await this.#send("GET", "/events", undefined, signal);
    let text = "";
    try {
      for await (const piece of body!.pipeThrough(new TextDecoderStream())) {
        text += piece;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const [, data] = /^data: (.*)$/m.exec(text.slice(0, end)) ?? [];
          text = text.slice(end + 2);
          if (data !== undefined) yield JSON.parse(data);
        }
      }
    } catch (cause) {
      if (signal.aborted) return;
      throw new FxferError("connection_lost", `Cannot hear events: ${reasonOf(cause)}`, { cause });
    }
  }
}
