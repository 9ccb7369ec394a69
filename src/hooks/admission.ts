/** Asks another program before a file is admitted. @module */
import { FxferError, reasonOf } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { FileSpec, FileStorage, PutSpec } from "../storage/mod.ts";
import { post, type Receiver } from "./post.ts";

/** What {@linkcode Admission} works with. */
export interface AdmissionOptions extends Receiver {
  /** What holds where the receiver does not say yes or no in time. */
  readonly otherwise: "accept" | "refuse";
  readonly log: Logger;
  /** How long the receiver may take, in milliseconds. @default {2000} */
  readonly patienceMs?: number;
}

/** How long the receiver may take, in milliseconds: a client waits so much longer for its answer. */
const PATIENCE_MS = 2000;

/** Asks the receiver about each new file (S-HOO-3); dispose of it to end what is under way. */
export class Admission implements Disposable {
  readonly #options: AdmissionOptions;
  readonly #stop = new AbortController();
  #isAway = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /**
   * Makes a storage ask before it begins a file. Its methods are replaced on the object itself, so that
   * every other capability stays what it is. What is stored already, by its upload id or the number of its
   * frame, never comes as far as the storage and is not asked about again.
   */
  guard(storage: FileStorage): void {
    const put = storage.put.bind(storage);
    const begin = storage.begin.bind(storage);
    storage.put = async (spec, ...rest) => {
      await this.ask(spec);
      return await put(spec, ...rest);
    };
    storage.begin = async (spec) => {
      await this.ask(spec);
      return await begin(spec);
    };
  }

  /**
   * Returns when the file may be stored.
   *
   * @throws {FxferError} `forbidden`, with `hooks.accept` as its limit.
   */
  async ask(spec: FileSpec & Pick<PutSpec, "sha256">): Promise<void> {
    const { log, otherwise, patienceMs = PATIENCE_MS } = this.#options;
    const data = {
      name: spec.name ?? null,
      size: spec.reserve,
      sha256: spec.sha256 ?? null,
      mime_type: spec.mimeType,
      user: spec.user ?? null,
      address: spec.clientAddress ?? null,
      upload_id: spec.uploadId ?? null,
    };
    const message = { type: "file.offered", timestamp: Date.now(), data };
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(patienceMs)]);
    let reason: string;
    try {
      const status = await post(this.#options, `msg_${crypto.randomUUID()}`, message, signal);
      if (status === 403 || (status >= 200 && status < 300)) {
        this.#isAway = false;
        if (status !== 403) return;
        throw refusal("the receiver of hooks.accept refuses it");
      }
      reason = `status ${status}`;
    } catch (error) {
      if (error instanceof FxferError) throw error;
      reason = reasonOf(error);
    }
    if (!this.#isAway) log.warn("hook.not_asked", { reason, answer: otherwise });
    this.#isAway = true;
    if (otherwise === "refuse") throw refusal("the receiver of hooks.accept does not answer");
  }
}

const refusal = (why: string): FxferError =>
  new FxferError("forbidden", `Cannot store file: ${why}`, { limit: "hooks.accept" });
