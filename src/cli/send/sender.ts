/**
 * Sends files over one client: in order, as many under way at a time as the server's window takes.
 *
 * After a refusal that concerns one file, the other files go on. A refusal that concerns all files
 * (the server is away, another connection took the session over, the user pressed Ctrl-C) ends the
 * sending.
 *
 * @module
 */
import {
  type Client,
  type ClientEvent,
  connect,
  type ConnectOptions,
  fileSource,
  type Progress,
  type SendResult,
  type SourceInput,
} from "../../client/mod.ts";
import { type Code, FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { localError } from "../local.ts";
import { STDIN } from "./args.ts";
import type { Journal } from "./journal.ts";
import type { FileToSend } from "./plan.ts";
import type { SendReport } from "./report.ts";
import { Tally } from "./tally.ts";

/** Refusals that concern one file: the next file may still be stored. */
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

/** How long closing the session may take; a session that is not closed expires by itself. */
const DISCONNECT_MS = 5000;

/** What {@linkcode sendTargets} works with. */
export interface SenderOptions {
  readonly connect: ConnectOptions;
  readonly report: SendReport;
  readonly journal: Journal;
  /** Called for every event of the client. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Wraps the source of a file, for example to limit its rate. */
  readonly through?: (source: SourceInput) => SourceInput;
}

/** Sends every file, and closes the session unless a later run has to go on in it. */
export async function sendTargets(
  targets: readonly FileToSend[],
  options: SenderOptions,
): Promise<Tally> {
  return await new Sender(options).sendAll(targets);
}

class Sender {
  readonly #options: SenderOptions;
  readonly #tally = new Tally();
  readonly #targets = new Map<string, FileToSend>();
  /** The files under way; these promises never reject. */
  readonly #running = new Set<Promise<void>>();
  #client: Client | undefined;
  /** The error after which no further file is tried. */
  #fatal: FxferError | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async sendAll(targets: readonly FileToSend[]): Promise<Tally> {
    for (const target of targets) {
      await this.#begin(target);
      const window = this.#client?.terms?.maxInflight ?? 1;
      if (this.#running.size >= window) await Promise.race(this.#running);
    }
    await Promise.all(this.#running);
    await this.#disconnect();
    return this.#tally;
  }

  /** Hands one file to the client, and does not wait until it is stored. */
  async #begin(target: FileToSend): Promise<void> {
    const earlier = this.#options.journal.result(target);
    if (earlier !== undefined) return this.#sent(target, earlier);
    try {
      if (target.error !== undefined) throw target.error;
      const client = await this.#connected();
      // Opened before the task starts, because the client sends files in the order of its calls.
      const source = target.path === STDIN ? Deno.stdin.readable : await fileSource(target.path);
      const task = this.#send(client, target, source);
      this.#running.add(task);
      task.finally(() => this.#running.delete(task));
    } catch (error) {
      this.#failed(target, error);
    }
  }

  /** The client, connected at the first call. @throws {FxferError} If it cannot send any more. */
  async #connected(): Promise<Client> {
    if (this.#fatal !== undefined) throw this.#fatal;
    if (this.#client === undefined) {
      const { journal } = this.#options;
      this.#client = await connect({
        ...this.#options.connect,
        ...journal.session,
        onEvent: (event) => this.#event(event),
      });
      journal.sessionOpened(this.#client);
    }
    return this.#client;
  }

  async #send(client: Client, target: FileToSend, source: SourceInput): Promise<void> {
    const { report, journal, through = (source) => source } = this.#options;
    const uploadId = journal.uploadId(target);
    this.#targets.set(uploadId, target);
    report.started(target);
    try {
      const { name, mimeType } = target;
      const onProgress = (progress: Progress) => report.progress(target, progress);
      const options = omitUndefined({ uploadId, mimeType, name, onProgress });
      const result = await client.send(through(source), options);
      journal.stored(target, result);
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
    if (!OF_ONE_FILE.has(error.code)) this.#fatal ??= error;
    this.#tally.fail(error.code);
    this.#options.report.failed(target, error);
  }

  #event(event: ClientEvent): void {
    const target = "uploadId" in event ? this.#targets.get(event.uploadId) : undefined;
    // A later connection may be in a new session, which a later run then has to go on in.
    if (event.type === "connected" && this.#client !== undefined) {
      this.#options.journal.sessionOpened(this.#client);
    }
    this.#options.report.event(event, target);
    this.#options.onEvent?.(event);
  }

  /** Closes the session, or only the connection where a later run has to go on in the session. */
  async #disconnect(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    if (this.#fatal !== undefined) return await client[Symbol.asyncDispose]();
    const timer = setTimeout(() => client.close(), DISCONNECT_MS);
    try {
      await client.disconnect();
    } catch {
      // All files are stored; the session expires by itself.
    } finally {
      clearTimeout(timer);
      await client[Symbol.asyncDispose]();
    }
  }
}

/** What was thrown, as an error with a code; an error without one concerns the file or its name. */
function codedError(error: unknown, { label }: FileToSend): FxferError {
  if (error instanceof FxferError) return untrusted(error) ?? error;
  return localError(`send ${label}`, error);
}

/** The error of a session that moved to a server which is not trusted, with the flag that trusts it. */
function untrusted({ code, message, fields, cause }: FxferError): FxferError | undefined {
  const { address, trusted } = fields;
  if (code !== "use_another_server" || trusted !== false) return undefined;
  return new FxferError(code, `${message} (--trust ${address})`, { fields, cause });
}
