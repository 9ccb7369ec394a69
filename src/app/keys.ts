/** The users' keys of a serving program: read at its start, and read again when their file changes. @module */
import type { Config } from "../config/mod.ts";
import { FxferError, reasonOf } from "../errors.ts";
import { type KeyLine, Keyring, mustBePrivate, parseKeyFile } from "../keys/mod.ts";
import type { Logger } from "../log.ts";
import { escapeControls } from "../text.ts";
import { keysOfInput } from "./input.ts";

/** How often the file is looked at, in milliseconds: a key that is taken away ends within a second (S-KEY-6). */
const LOOK_MS = 400;

/** The largest file of keys, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024;

/** The keys of a program that serves. */
export class KeySource implements Disposable {
  /** What was read last and is right. */
  text: string;
  readonly #path: string | undefined;
  readonly #log: Logger;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  readonly #listeners = new Set<(text: string) => void>();
  /** Users whose keys an operator has taken away, whatever the file says. */
  readonly #revoked = new Set<string>();
  /** What the file looked like when it was read. */
  #seen = "";
  #looking = false;

  private constructor(path: string | undefined, text: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.text = text;
    warnOfExpired(this.lines(), log);
    if (path !== undefined) this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  /** Reads the keys that the configuration names. @throws {FxferError} `unauthorized`. */
  static async open({ security: { keys } }: Config, log: Logger): Promise<KeySource> {
    if (keys === "-") return new KeySource(undefined, await keysOfInput(), log);
    const { text, look } = await readFile(keys);
    const source = new KeySource(keys, text, log);
    source.#seen = look;
    return source;
  }

  /** Keys that the program has already. */
  static of(text: string, log: Logger): KeySource {
    return new KeySource(undefined, text, log);
  }

  /** The name of the source, for errors. */
  get name(): string {
    return this.#path ?? "standard input";
  }

  /** What the text says. @throws {FxferError} `unauthorized` with the line that is wrong. */
  lines(): KeyLine[] {
    return readLines(this.text, this.name);
  }

  /** What a server knows of its users; it changes with the text. */
  keyring(): Keyring {
    const keyring = new Keyring(this.lines());
    this.onChange((text) => keyring.replace(readLines(text, this.name)));
    return keyring;
  }

  /** Calls `listener` with the text whenever it has changed. */
  onChange(listener: (text: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks whether the file has changed. A file that cannot be used is told in the log, and nothing changes. */
  async look(): Promise<void> {
    if (this.#path === undefined || this.#looking) return;
    this.#looking = true;
    try {
      const look = lookOf(await Deno.stat(this.#path));
      if (look === this.#seen) return;
      const { text } = await readFile(this.#path);
      warnOfExpired(readLines(text, this.#path), this.#log);
      this.#use(text);
      // Only now: until it is read, what was seen last is the reason why not, which is told once.
      this.#seen = look;
      this.#log.info("keys.read", { users: this.lines().length });
    } catch (error) {
      const reason = escapeControls(reasonOf(error));
      if (this.#seen !== reason) this.#log.error("keys.not_read", { reason });
      this.#seen = reason;
    } finally {
      this.#looking = false;
    }
  }

  /**
   * Takes a user's key away until the next start, also when the file is read again; the user's sessions end
   * (S-KEY-6). The file itself stays as it is.
   *
   * @returns False if there is no such user.
   */
  revoke(name: string): boolean {
    if (!this.lines().some(({ key }) => key.name === name)) return false;
    this.#revoked.add(name);
    this.#use(this.text);
    return true;
  }

  #use(text: string): void {
    const kept = text.split("\n").filter((line) => {
      const [user] = readLines(line, this.name);
      return user === undefined || !this.#revoked.has(user.key.name);
    });
    this.text = kept.join("\n");
    for (const listener of this.#listeners) listener(this.text);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A keyring of a text. @throws {FxferError} `unauthorized` with the line that is wrong. */
export function readLines(text: string, source: string): KeyLine[] {
  try {
    return parseKeyFile(text, source);
  } catch (error) {
    throw refused(reasonOf(error), error);
  }
}

/** A fault of the keys. It has the exit code of what is not authorised. */
function refused(message: string, cause?: unknown): FxferError {
  return new FxferError("unauthorized", message, { cause });
}

const lookOf = ({ mtime, size, ino }: Deno.FileInfo): string =>
  `${mtime?.getTime()} ${size} ${ino}`;

async function readFile(path: string): Promise<{ readonly text: string; readonly look: string }> {
  const name = escapeControls(path);
  if ((await Deno.permissions.query({ name: "read", path })).state !== "granted") {
    throw refused(
      `Cannot read ${name}: it is not permitted (--allow-read=${name}, or keys on standard input: ` +
        "--keys -)",
    );
  }
  try {
    const info = await Deno.stat(path);
    mustBePrivate(info.mode, path);
    if (info.size > MAX_BYTES) throw new Error("it is too large for a file of keys");
    return { text: await Deno.readTextFile(path), look: lookOf(info) };
  } catch (cause) {
    if (cause instanceof FxferError) throw refused(cause.message, cause);
    const words = cause instanceof Deno.errors.NotFound
      ? "there is no such file (fxfer key new NAME makes it)"
      : reasonOf(cause);
    throw refused(`Cannot read ${name}: ${words}`, cause);
  }
}

function warnOfExpired(lines: readonly KeyLine[], log: Logger): void {
  const now = Date.now();
  for (const { key: { name: user }, until } of lines) {
    if (until !== undefined && until <= now) log.warn("key.expired", { user });
  }
}
