/**
 * Sends files: in order, as many under way at a time as the server's window takes, over a long road in
 * several sessions.
 *
 * After a refusal that concerns one file, the other files go on. A refusal that concerns all files
 * (the server is away, another connection took the session over, the user pressed Ctrl-C) ends the
 * sending.
 *
 * The file is over 300 lines, because every step of a send works on one state.
 *
 * @module
 */
import {
  type Client,
  type ClientEvent,
  type ConnectOptions,
  fileSource,
  type SendResult,
  smallFileSource,
  type Source,
  type Terms,
} from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { localError } from "../local.ts";
import { Patience } from "../../patience.ts";
import { UnderWay } from "../under_way.ts";
import { STDIN } from "./args.ts";
import { type BatchOptions, takeBatches } from "./batches.ts";
import { connectIn } from "./connect.ts";
import { aboutInput, isOtherFile, OF_ONE_FILE, untrusted } from "./failures.ts";
import { cutNames, type FileToSend } from "./file_to_send.ts";
import { isCut, optionsOf } from "./options_of.ts";
import type { SendReport } from "./report.ts";
import { closeSession, isSmall, type PooledSession, SessionPool } from "./session_pool.ts";
import type { Tally } from "./tally.ts";

/** The bytes of a file. */
type Opened = Source | ReadableStream<Uint8Array>;

/** What {@linkcode sendTargets} works with. */
export interface SenderOptions extends BatchOptions {
  readonly connect: ConnectOptions & { readonly signal: AbortSignal };
  readonly report: SendReport;
  /** Counts what becomes of the files. */
  readonly tally: Tally;
  /** Whether files that the server has under the same name are not sent. */
  readonly ifNew: boolean;
  /** Whether a file is refused rather than stored under another name. */
  readonly noRename: boolean;
  /** Called for every event of the client. */
  readonly onEvent?: (event: ClientEvent) => void;
}

/**
 * Sends every file, and closes the session unless a later run has to go on in it.
 *
 * @returns The terms that the server has stated for a session; undefined if it had none to give.
 */
export async function sendTargets(options: SenderOptions): Promise<Terms | undefined> {
  return await new Sender(options).sendAll();
}

class Sender {
  readonly #options: SenderOptions;
  /** The files under way; in an array, for the reason of {@linkcode FileToSend.noted}. */
  readonly #sending: FileToSend[] = [];
  readonly #running = new UnderWay();
  #pool: SessionPool | undefined;
  /** How long the server took to answer the connect of the first session. */
  #roundTripMs: number | undefined;
  /** Files that a session besides the first one was given, and whose answer did not come. */
  #givenBack: FileToSend[] = [];
  /** Whether those are being sent. */
  #again = false;
  /** The file of which the server has a part in the session of an earlier run. */
  #openUploadId: string | undefined;
  readonly #patience = new Patience();
  /** Whether a file was taken from the walk. */
  #hasBegun = false;
  /** How many names are too long for the server. */
  #cut = 0;
  /** The error after which no further file is tried. */
  #fatal: FxferError | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async sendAll(): Promise<Terms | undefined> {
    const { ifNew, report } = this.#options;
    // To ask what is new takes one question for a whole folder.
    const batches = takeBatches(this.#options, ifNew, () => this.#fatal === undefined);
    const terms = await this.#sendEach(batches);
    if (this.#cut > 0) report.say(cutNames(this.#cut));
    if (this.#givenBack.length === 0) return terms;
    this.#again = true;
    this.#pool = undefined;
    return await this.#sendEach([this.#givenBack]);
  }

  /** Sends files, and then closes the sessions. Returns as {@linkcode sendTargets}. */
  async #sendEach(
    batches: Iterable<readonly FileToSend[]> | AsyncIterable<readonly FileToSend[]>,
  ): Promise<Terms | undefined> {
    let mayRepeat = true;
    try {
      for await (const found of batches) {
        const batch = this.#hasBegun ? found : await this.#inOrder(await this.#new(found));
        this.#hasBegun = true;
        for (let index = 0; index < batch.length; index++) {
          const target = batch[index]!;
          const client = this.#pool?.sessionFor(target).client;
          if (client?.busy) await client.ready();
          if (!this.#beginNow(target)) await this.#begin(target);
          mayRepeat &&= target.size !== undefined;
          if (this.#pool?.mayGrow) {
            this.#pool.grow(this.#roundTripMs, () => this.#smallBehind(batch, index));
          }
          if (isCut(target, this.#pool?.first.client.terms)) this.#cut++;
          const most = this.#pool?.mostUnderWay ?? 1;
          if (this.#running.count >= most) await this.#running.fewerThan(most);
        }
      }
    } catch (error) {
      this.#cannotFind(error);
    }
    const client = this.#pool?.first.client;
    // The disconnect may go out behind files that were never sent before and that can be read again: if the last
    // replies are lost, another session learns by their digests that they are stored. Others may be sent anew.
    const isNew = !this.#again && this.#options.journal.isNew;
    const goesAhead = mayRepeat && this.#fatal === undefined && isNew;
    const leaving = goesAhead ? client?.disconnect() : undefined;
    leaving?.catch(() => {});
    const allOver = this.#running.fewerThan(1);
    await Promise.all([this.#pool?.closeOthers(allOver), allOver]);
    await this.#disconnect(leaving);
    return client?.sessionId ? client.terms : undefined;
  }

  /** How many small files follow; those that are not found yet are taken for many. */
  #smallBehind(batch: readonly FileToSend[], index: number): number {
    const { ahead } = this.#options;
    if (!ahead.isAll) return Infinity;
    return [...batch.slice(index + 1), ...ahead.waiting].filter(isSmall).length;
  }

  /** Without an interruption no walk fails. */
  #cannotFind(thrown: unknown): void {
    const error = this.#coded(thrown, "look for files");
    this.#fatal ??= error;
    this.#options.tally.stop(error.code);
    if (error.code !== "interrupted") this.#options.report.say(error.message);
  }

  /** Those of the files that are to be sent. */
  async #new(targets: readonly FileToSend[]): Promise<readonly FileToSend[]> {
    if (!this.#options.ifNew) return targets;
    try {
      const { alreadyThere } = await import("./if_new.ts");
      const { client } = (await this.#connected()).first;
      const there = await alreadyThere(client, targets, this.#options.connect.signal);
      for (const [target, file] of there) {
        const counts = { attempts: 0, resumedFrom: [] };
        const told = { confirmed: true, replayed: false, existing: true, ...counts };
        this.#sent(target, { file, sha256: file.sha256, ...told });
      }
      return targets.filter((target) => !there.has(target));
    } catch (error) {
      // Each file then tells of it, and the report says it once.
      this.#fatal ??= this.#coded(error, "ask what is new");
      return targets;
    }
  }

  /** First comes the file that the session of an earlier run has open: another would end that part. */
  async #inOrder(targets: readonly FileToSend[]): Promise<readonly FileToSend[]> {
    const { journal } = this.#options;
    if (journal.session.sessionId === undefined) return targets;
    // Each target then tells of a failure.
    await this.#connected().catch(() => {});
    const isOpen = (target: FileToSend) => journal.uploadId(target) === this.#openUploadId;
    return [...targets.filter(isOpen), ...targets.filter((target) => !isOpen(target))];
  }

  /** As {@linkcode #begin} for a small file of a disk that answers at once; false for all others. */
  #beginNow(target: FileToSend): boolean {
    const pool = this.#pool;
    if (pool === undefined || this.#fatal !== undefined || !target.local) return false;
    const session = pool.sessionFor(target);
    if (this.#wasStored(session.client, target)) return false;
    const { path, looked } = target;
    const source = looked !== undefined
      ? smallFileSource(path, looked)
      : this.#patience.unlessSlow(() => smallFileSource(path));
    if (source !== undefined) this.#send(session, target, source);
    return source !== undefined;
  }

  /** Hands one file to the client, and does not wait until it is stored. */
  async #begin(target: FileToSend): Promise<void> {
    try {
      if (target.error !== undefined) throw target.error;
      const session = (await this.#connected()).sessionFor(target);
      // Opened before the task starts, because the client sends files in the order of its calls.
      const source = this.#wasStored(session.client, target) ? undefined : await this.#open(target);
      this.#send(session, target, source);
    } catch (error) {
      this.#failed(target, error);
    }
  }

  /** Whether an earlier run has stored it, as far as is known here. */
  #wasStored({ mode }: Client, target: FileToSend): boolean {
    // A version 1 server cannot be asked, and the digest of no bytes says nothing of a file.
    return this.#options.journal.storedAs(target) !== undefined && mode !== "v1" &&
      target.size !== 0;
  }

  async #open({ path }: FileToSend): Promise<Opened> {
    if (path === STDIN) return Deno.stdin.readable;
    return await fileSource(path, { signal: this.#options.connect.signal });
  }

  /** The sessions; the first is opened at the first call. @throws {FxferError} If nothing can be sent any more. */
  async #connected(): Promise<SessionPool> {
    if (this.#fatal !== undefined) throw this.#fatal;
    if (this.#pool !== undefined) return this.#pool;
    const { journal, connect, report, onEvent } = this.#options;
    const { session } = journal;
    try {
      const first = await connectIn(session, connect, {
        say: (sentence) => report.say(sentence),
        onEvent: (event) => this.#event(event),
      });
      journal.sessionOpened(first);
      // A run that goes on in an earlier session has that one only.
      const mayGrow = session.sessionId === undefined && !this.#again;
      return this.#pool = new SessionPool(first, omitUndefined({ ...connect, onEvent }), mayGrow);
    } catch (error) {
      throw this.#fatal = this.#coded(error, "connect");
    }
  }

  /** Without `opened` the server is first asked whether it has the file. Never throws. */
  #send(session: PooledSession, target: FileToSend, opened?: Opened): void {
    if (!this.#again) this.#options.report.started(target);
    this.#pool!.begun(session);
    this.#running.begin();
    if (opened === undefined) void this.#askFor(session, target);
    else this.#sendBytes(session, target, opened);
  }

  /** Asks whether the server has a file, and sends it if not. Never rejects. */
  async #askFor(session: PooledSession, target: FileToSend): Promise<void> {
    try {
      const { askFor } = await import("./ask_for.ts");
      const there = await askFor(session.client, target, this.#options);
      if (there === undefined) this.#sendBytes(session, target, await this.#open(target));
      else this.#over(session, target, there);
    } catch (error) {
      this.#over(session, target, undefined, error);
    }
  }

  /**
   * Sends the bytes of a file. Small files are many: two functions for each cost less than ones that wait.
   *
   * @param isAnew Whether its id is new: a server that has another file under that one too would say so for ever.
   */
  #sendBytes(session: PooledSession, target: FileToSend, opened: Opened, isAnew = false): void {
    const { report, journal, noRename } = this.#options;
    const options = optionsOf(target, journal.uploadId(target), noRename);
    let over = false;
    if (report.showsProgress) {
      options.onProgress = (progress) => over || report.progress(target, progress);
    }
    this.#sending.push(target);
    journal.begun(target);
    session.client.send(opened, options).then((result) => {
      over = true;
      journal.stored(target, result);
      this.#over(session, target, result);
    }, (error) => {
      over = true;
      // What is sent again had its id before, written down or not.
      const isAgain = !isAnew && isOtherFile(error) && (journal.renew(target) || this.#again);
      if (isAgain) void this.#sendAnew(session, target);
      else this.#over(session, target, undefined, error);
    });
  }

  /** Sends a file under its new id. Never rejects. */
  async #sendAnew(session: PooledSession, target: FileToSend): Promise<void> {
    this.#notSending(target);
    try {
      this.#sendBytes(session, target, await this.#open(target), true);
    } catch (error) {
      this.#over(session, target, undefined, error);
    }
  }

  #notSending(target: FileToSend): void {
    const at = this.#sending.indexOf(target);
    if (at === 0) this.#sending.shift();
    else if (at > 0) this.#sending.splice(at, 1);
  }

  /** A file has its result, or an error. */
  #over(session: PooledSession, target: FileToSend, result?: SendResult, error?: unknown): void {
    this.#notSending(target);
    try {
      if (result !== undefined) this.#sent(target, result);
      else if (!this.#isGivenBack(session, error)) this.#failed(target, error);
      else {
        this.#pool!.retire(session);
        this.#givenBack.push(target);
      }
    } finally {
      this.#pool!.ended(session);
      this.#running.end();
    }
  }

  /** Whether the first session is to send a file that another one was given. */
  #isGivenBack(session: PooledSession, error: unknown): boolean {
    if (session === this.#pool?.first || this.#options.connect.signal.aborted) return false;
    return !(error instanceof FxferError && OF_ONE_FILE.has(error.code));
  }

  #sent(target: FileToSend, result: SendResult): void {
    this.#options.tally.sent(result.file?.size ?? target.size ?? 0, result);
    this.#options.report.sent(target, result);
  }

  #failed(target: FileToSend, thrown: unknown): void {
    const error = aboutInput(target, this.#coded(thrown, `send ${target.label}`));
    const ofAll = !OF_ONE_FILE.has(error.code) || error === this.#fatal;
    if (ofAll) this.#fatal ??= error;
    this.#options.tally.fail(error.code);
    this.#options.report.failed(target, error, ofAll);
  }

  /** What was thrown, as an error with a code. */
  #coded(error: unknown, action: string): FxferError {
    if (error instanceof FxferError) return untrusted(error) ?? error;
    const { aborted } = this.#options.connect.signal;
    return aborted ? new FxferError("interrupted") : localError(action, error);
  }

  #event(event: ClientEvent): void {
    const uploadId = "uploadId" in event ? event.uploadId : "";
    const target = uploadId === ""
      ? undefined
      : this.#sending.find(({ noted }) => noted?.upload === uploadId);
    if (event.type === "connected") {
      this.#openUploadId = event.openUploadId;
      this.#roundTripMs = event.roundTripMs;
      // A later connection may be in a new session, which a later run then has to go on in.
      if (this.#pool !== undefined) this.#options.journal.sessionOpened(this.#pool.first.client);
    }
    this.#options.report.event(event, target);
    this.#options.onEvent?.(event);
  }

  /** Closes the first session, or only its connection where a later run has to go on in the session. */
  async #disconnect(leaving?: ReturnType<Client["disconnect"]>): Promise<void> {
    const client = this.#pool?.first.client;
    if (client === undefined) return;
    if (this.#fatal !== undefined) return await client[Symbol.asyncDispose]();
    if (await closeSession(client, leaving)) this.#options.journal.sessionClosed();
  }
}
