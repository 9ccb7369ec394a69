/** The client as programs see it: `connect` and what it returns. @module */
import type { Endpoint } from "../address.ts";
import { FxferError } from "../errors.ts";
import { NotVersion2 } from "./handshake.ts";
import { SessionManager } from "./session_manager.ts";
import type {
  Client,
  ConnectOptions,
  SendOptions,
  SendResult,
  SessionTotals,
  SourceInput,
  Terms,
} from "./types.ts";
import { OutgoingFile } from "./outgoing_file.ts";
import { V1Sender } from "./v1.ts";

/** What a client needs of whatever sends for it. */
interface Engine {
  add(upload: OutgoingFile): void;
  abandon(upload: OutgoingFile, error: FxferError): void;
  disconnect(): Promise<SessionTotals | undefined>;
  stop(error: FxferError): Promise<void>;
}

class ConnectedClient implements Client {
  readonly #engine: Engine;
  readonly #session: SessionManager | undefined;
  readonly #home: Endpoint;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => void this.#stop(interrupted(this.#signal!.reason));

  constructor(engine: Engine, home: Endpoint, signal: AbortSignal | undefined) {
    this.#engine = engine;
    this.#home = home;
    this.#session = engine instanceof SessionManager ? engine : undefined;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
    if (signal?.aborted) this.#onAbort();
  }

  get mode(): "stateful" | "stateless" | "v1" {
    return this.#session?.mode ?? "v1";
  }
  get sessionId(): string | null {
    return this.#session?.sessionId ?? null;
  }
  get token(): string | undefined {
    return this.#session?.token;
  }
  get address(): Endpoint {
    return this.#session?.address ?? this.#home;
  }
  get terms(): Terms | undefined {
    return this.#session?.terms;
  }

  async send(source: SourceInput, options: SendOptions = {}): Promise<SendResult> {
    const upload = new OutgoingFile(source, options);
    const { signal } = options;
    if (signal?.aborted) {
      upload.fail(interrupted(signal.reason));
      return await upload.result;
    }
    const abandon = () => this.#engine.abandon(upload, interrupted(signal!.reason));
    signal?.addEventListener("abort", abandon);
    try {
      this.#engine.add(upload);
      return await upload.result;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  async disconnect(): Promise<SessionTotals | undefined> {
    try {
      return await this.#engine.disconnect();
    } finally {
      this.#signal?.removeEventListener("abort", this.#onAbort);
    }
  }

  close(): void {
    void this.#stop(new FxferError("interrupted", "Cannot send file: client is closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop(new FxferError("interrupted", "Cannot send file: client is closed"));
  }

  async #stop(error: FxferError): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    await this.#engine.stop(error);
  }
}

/**
 * Connects to a server. A connection that is lost later is made again and what was under way goes on
 * where the server has it.
 *
 * @returns A client; `await using` closes it and leaves its session to be resumed.
 * @throws {FxferError} The server's code where it refuses; `connection_lost` or the last `retry` code
 * when tries are used up; `unsupported_version` from a version 1 server without `allowV1`;
 * `interrupted` by the signal.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example
 * ```ts
 * import { connect } from "../../mod.ts";
 *
 * async function sendHello(port: number): Promise<string | undefined> {
 *   await using client = await connect({ port });
 *   const { file } = await client.send(new TextEncoder().encode("hello"), {
 *     name: "hello.txt",
 *     mimeType: "text/plain",
 *   });
 *   await client.disconnect();
 *   return file?.path;
 * }
 * console.assert(typeof sendHello === "function");
 * ```
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const { hostname = "127.0.0.1", port = 65432, signal, allowV1, onEvent } = options;
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError("Cannot connect: port must be an integer from 1 to 65535");
  }
  if (signal?.aborted) throw interrupted(signal.reason);
  const address = { hostname, port };
  const session = new SessionManager(options, address);
  const abort = () => void session.stop(interrupted(signal!.reason));
  signal?.addEventListener("abort", abort);
  try {
    await session.start();
    return new ConnectedClient(session, address, signal);
  } catch (error) {
    if (!(error instanceof NotVersion2) || allowV1 !== true) throw error;
    onEvent?.({ type: "connected", mode: "v1", sessionId: null, resumed: false });
    const sender = new V1Sender(address, options.now ?? Date.now);
    return new ConnectedClient(sender, address, signal);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function interrupted(reason: unknown): FxferError {
  return new FxferError("interrupted", "Cannot go on: interrupted", { cause: reason });
}
