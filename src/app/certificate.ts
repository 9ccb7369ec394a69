/** The certificate of the running server: opened at the start, and read again when it may have changed. @module */
import type { Config } from "../config/mod.ts";
import { reasonOf } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import {
  certificateFiles,
  checkServerCertificate,
  keepOwnCertificate,
  readServerCertificate,
  type ServerCertificate,
} from "../tls/mod.ts";
import { pemOfInput } from "./input.ts";
import { certificateFacts } from "./listening.ts";
import { stateFolder } from "./persistence.ts";

/** How often the files are looked at. */
const LOOK_MS = 2000;

/** What {@linkcode Certificate} works with. */
interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly events: Events;
}

/** The certificate of a server, and what happens when there is a new one (S-TLS-4). */
export class Certificate implements Disposable {
  readonly #parts: Parts;
  #current: ServerCertificate;
  #use: ((found: ServerCertificate) => Promise<void>) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** What the files looked like when they were read last. */
  #seen: string | undefined;
  /** Why they could not be used, as it was told last. */
  #told: string | undefined;
  #work: Promise<void> = Promise.resolve();

  private constructor(parts: Parts, current: ServerCertificate) {
    this.#parts = parts;
    this.#current = current;
  }

  /** The one that the configuration names. @throws {FxferError} It cannot be used. */
  static async open(config: Config, events: Events, log: Logger): Promise<Certificate> {
    return new Certificate({ config, events, log }, await open(config, log));
  }

  /** The certificate that new connections get. */
  get current(): ServerCertificate {
    return this.#current;
  }

  /** Hands each new certificate to `use`, which may reject; looks at the files until disposed. */
  async watch(use: (found: ServerCertificate) => Promise<void>): Promise<void> {
    this.#use = use;
    if (!await this.#look()) return;
    this.#timer = setInterval(() => {
      this.#work = this.#work.then(async () => void await this.#look());
    }, LOOK_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Reads the files again, for whoever does not want to wait. Never rejects. */
  async reload(): Promise<void> {
    if (this.#timer === undefined) return;
    await (this.#work = this.#work.then(async () => {
      this.#told = undefined; // whoever asks is told again
      await this.#read();
    }));
  }

  /** Reads the files if they are not those that were read last; false where there are none to look at. */
  async #look(): Promise<boolean> {
    try {
      const now = await lookAt(this.#parts.config);
      if (now === undefined) return false;
      // Only what was read counts as seen: a failure that passes is tried again at the next look.
      if (now !== this.#seen && await this.#read()) this.#seen = now;
      return true;
    } catch (error) {
      // A file that is being replaced may be away for a moment; one that may not be read is never looked at.
      return !(error instanceof Deno.errors.NotCapable);
    }
  }

  /** Whether the files could be used. Why not is told once. */
  async #read(): Promise<boolean> {
    const { config, events, log } = this.#parts;
    try {
      const found = await open(config, log);
      if (found.certificate !== this.#current.certificate) {
        await this.#use?.(found);
        this.#current = found;
        events.emit({ type: "certificate.changed", rule: "S-TLS-4", ...certificateFacts(found) });
      }
      this.#told = undefined;
      return true;
    } catch (cause) {
      // The one before stays, and Readiness says when it ends.
      const reason = reasonOf(cause);
      if (this.#told !== reason) log.warn("certificate.not_changed", { cause });
      this.#told = reason;
      return false;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** What the files look like now; undefined where there are none. */
async function lookAt(config: Config): Promise<string | undefined> {
  const files = certificateFiles(config.server.tls, stateFolder(config));
  const infos = await Promise.all(files.map((file) => Deno.stat(file)));
  if (infos.length === 0) return undefined;
  return infos.map(({ ino, size, mtime }) => `${ino} ${size} ${mtime?.getTime()}`).join();
}

async function open(config: Config, log: Logger): Promise<ServerCertificate> {
  const { certificate, key, names } = config.server.tls;
  if (certificate === "self") {
    const folder = stateFolder(config);
    const { certificate: own, isKept } = await keepOwnCertificate(folder, names);
    if (!isKept) log.warn("certificate.not_kept", { needs: `--allow-read=${folder}` });
    return own;
  }
  if (certificate !== "-") {
    return await readServerCertificate(certificate, key === "same" ? undefined : key);
  }
  const text = await pemOfInput();
  return checkServerCertificate({ certificate: text, key: text }, "standard input");
}
