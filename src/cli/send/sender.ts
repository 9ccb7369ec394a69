/**
 * Sends files over one client: in order, as many under way at a time as the server's window takes.
 *
 * A refusal that is about one file lets the others go on; one that is about all (the server is away,
 * the session was taken, the user pressed Ctrl-C) ends them.
 *
 * @module
 */
import {
  type Client,
  type ClientEvent,
  connect,
  type ConnectOptions,
  fileSource,
  type SendResult,
  type SourceInput,
} from "../../client/mod.ts";
import { type Code, FxferError } from "../../errors.ts";
import { type FileToSend, STDIN } from "./plan.ts";
import type { SendReport } from "./report.ts";
import type { SendState } from "./state.ts";
import { Tally } from "./tally.ts";

/** Refusals that say nothing about the next file. */
const OF_ONE_FILE: ReadonlySet<Code> = new Set([
  "local_io",
  "source_changed",
  "checksum_mismatch",
  "too_large",
  "length_mismatch",
  "quota_exceeded",
  "invalid_field",
  "unsupported_feature",
]);

/** How long the goodbye may take: the files are stored, and a session that stays only expires. */
const GOODBYE_MS = 5000;

/** What {@linkcode sendTargets} works with. */
export interface SenderOptions {
  readonly connect: ConnectOptions;
  readonly report: SendReport;
  /** Remembers what is needed to go on after a death. */
  readonly state: SendState;
  /** Hears of every event, too. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** What a file's bytes come through, for example a limit of their rate. */
  readonly through?: (source: SourceInput) => SourceInput;
}

/** Sends every target and closes the session if nothing is left to go on with. */
export async function sendTargets(
  targets: readonly FileToSend[],
  options: SenderOptions,
): Promise<Tally> {
  return await new Sender(options).run(targets);
}

class Sender {
  readonly #options: SenderOptions;
  readonly #tally = new Tally();
  readonly #targets = new Map<string, FileToSend>();
  /** The files under way; none of these ever rejects. */
  readonly #running = new Set<Promise<void>>();
  #client: Client | undefined;
  /** Why no further file is tried. */
  #over: FxferError | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async run(targets: readonly FileToSend[]): Promise<Tally> {
    for (const target of targets) {
      await this.#begin(target);
      const window = this.#client?.terms?.maxInflight ?? 1;
      if (this.#running.size >= window) await Promise.race(this.#running);
    }
    await Promise.all(this.#running);
    await this.#goodbye();
    return this.#tally;
  }

  /** Hands one file to the client, and does not wait until it is stored. */
  async #begin(target: FileToSend): Promise<void> {
    const earlier = this.#options.state.result(target);
    if (earlier !== undefined) return this.#sent(target, earlier);
    try {
      if (target.error !== undefined) throw target.error;
      const client = await this.#connected();
      // Opened here and not in the task: files go in the order in which they are handed over.
      const source = target.path === STDIN ? Deno.stdin.readable : await fileSource(target.path);
      const task = this.#send(client, target, source);
      this.#running.add(task);
      task.finally(() => this.#running.delete(task));
    } catch (error) {
      this.#failed(target, error);
    }
  }

  /** The one client. @throws {FxferError} Why there is none, or why it sends no more. */
  async #connected(): Promise<Client> {
    if (this.#over !== undefined) throw this.#over;
    if (this.#client === undefined) {
      const { state } = this.#options;
      this.#client = await connect({
        ...this.#options.connect,
        ...state.session,
        onEvent: (event) => this.#event(event),
      });
      state.opened(this.#client);
    }
    return this.#client;
  }

  async #send(client: Client, target: FileToSend, source: SourceInput): Promise<void> {
    const { report, state, through = (source) => source } = this.#options;
    const uploadId = state.uploadId(target);
    this.#targets.set(uploadId, target);
    report.started(target);
    try {
      const result = await client.send(through(source), {
        uploadId,
        mimeType: target.mimeType,
        ...(target.name === undefined ? {} : { name: target.name }),
        onProgress: (progress) => report.progress(target, progress),
      });
      state.done(target, result);
      this.#sent(target, result);
    } catch (error) {
      this.#failed(target, error);
    } finally {
      this.#targets.delete(uploadId);
    }
  }

  #sent(target: FileToSend, result: SendResult): void {
    this.#tally.sent(result.file?.size ?? target.size ?? 0, result.confirmed);
    this.#options.report.sent(target, result);
  }

  #failed(target: FileToSend, thrown: unknown): void {
    const error = codedError(thrown, target);
    if (!OF_ONE_FILE.has(error.code)) this.#over ??= error;
    this.#tally.fail(error.code);
    this.#options.report.failed(target, error);
  }

  #event(event: ClientEvent): void {
    const target = "uploadId" in event ? this.#targets.get(event.uploadId) : undefined;
    // A later connect may have made another session: that is the one to go on with.
    if (event.type === "connected" && this.#client !== undefined) {
      this.#options.state.opened(this.#client);
    }
    this.#options.report.event(event, target);
    this.#options.onEvent?.(event);
  }

  /** Ends the session, or leaves it where there is something to go on with. */
  async #goodbye(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    if (this.#over !== undefined) return await client[Symbol.asyncDispose]();
    const timer = setTimeout(() => client.close(), GOODBYE_MS);
    try {
      await client.disconnect();
    } catch {
      // All is stored: a goodbye nobody hears changes nothing.
    } finally {
      clearTimeout(timer);
      await client[Symbol.asyncDispose]();
    }
  }
}

/** Anything thrown as an error with a code; a name that is too long is the file's own trouble. */
function codedError(error: unknown, { label }: FileToSend): FxferError {
  if (error instanceof FxferError) return untrusted(error) ?? error;
  const reason = error instanceof Error ? error.message : String(error);
  return new FxferError("local_io", `Cannot send ${label}: ${reason}`, { cause: error });
}

/** A session that has moved where the user has not said that it may be followed: says how to say it. */
function untrusted({ code, message, fields, cause }: FxferError): FxferError | undefined {
  const { address, trusted } = fields;
  if (code !== "use_another_server" || trusted !== false) return undefined;
  return new FxferError(code, `${message} (--trust ${address})`, { fields, cause });
}
