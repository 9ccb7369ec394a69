/**
 * The only file that writes to the terminal: lines, one status line that stays at the bottom, and
 * log events. If the reader of the output ends (`fxfer … | head -1`), no more is written, and the
 * program goes on.
 *
 * A command's own lines are written at once, and the command waits for a reader that is slow. Lines of
 * the log are not waited for, because a server must go on while the reader of its log stands still or
 * the log's disk is full: they queue up to {@linkcode MAX_QUEUED} and are written in the background, in
 * order. What finds the queue full is dropped and counted, and the count is told as soon as there is
 * room again. A write that fails is tried again; only a reader that has gone (EPIPE) is final. While
 * lines are queued, the command's own lines wait behind them; {@linkcode TextStream.flush} waits for all.
 *
 * @module
 */
import type { LogEvent } from "../log.ts";
import { within } from "../within.ts";
import { formatJsonLine, formatText } from "./format.ts";

/** What a stream writes to: `Deno.stdout`, or a test's buffer. */
export interface Sink {
  /** Writes some of the bytes and returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** The same without holding the program up. Absent: the log is written by `writeSync`, too. */
  write?(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** How a stream is set up. */
export interface TextStreamOptions {
  /** Whether colours are wanted, if the sink is a terminal. */
  readonly colour?: boolean;
  /** Whether the terminal, if the sink is one, can erase a line. @default {true} */
  readonly redraws?: boolean;
  /** The width of the terminal, which may change; default 80. */
  readonly columns?: () => number;
}

const encoder = new TextEncoder();

/** So many characters of the log wait for their reader at most. */
const MAX_QUEUED = 1_048_576;

/** The pause after a write to the log that failed, in milliseconds. */
const RETRY_MS = 100;

/** The pause after a write for which there was no room just now, in milliseconds. */
const BUSY_MS = 2;

/** How long the end of the program waits for the reader of its log, in milliseconds. */
const FLUSH_MS = 1000;
const ERASE = "\r\x1b[K";

/** Standard output or standard error, line by line. */
export class TextStream {
  /** Whether the stream goes to a terminal. */
  readonly terminal: boolean;
  /** Whether a line can be erased and drawn again. */
  readonly redraws: boolean;
  /** Whether to write colours. */
  readonly colour: boolean;
  readonly #sink: Sink;
  readonly #columns: () => number;
  /** The status line. Each write erases it, and draws it again below what it wrote. */
  readonly #status: { text: string };
  /** Why the first of a command's own lines could not be written; undefined as long as all were. */
  fault: Error | undefined;
  /** Whether the reader has gone: nothing more is written then. */
  #broken = false;
  #queue: string[] = [];
  /** How many characters are in the queue, and in the write that is under way. */
  #queued = 0;
  #pumping: Promise<void> | undefined;
  /** Whether the text that is written belongs to the log. */
  #posting = false;
  #dropped = 0;
  #tellDropped: (lines: number) => string = String;

  /**
   * Writes to a sink.
   *
   * @param screen A stream to the same terminal: both then share one status line.
   */
  constructor(sink: Sink, options: TextStreamOptions = {}, screen?: TextStream) {
    this.#sink = sink;
    this.terminal = sink.isTerminal();
    this.redraws = this.terminal && (options.redraws ?? true);
    this.colour = this.redraws && (options.colour ?? false);
    this.#columns = options.columns ?? (() => 80);
    this.#status = this.redraws && screen?.redraws ? screen.#status : { text: "" };
  }

  /** The width of the terminal; 80 where there is none. */
  get columns(): number {
    return this.#columns();
  }

  /** Writes text with control sequences as it is, for a command that draws the whole screen. */
  raw(text: string): void {
    if (this.redraws) this.#write(text);
  }

  /** Writes a line. The caller escapes control characters in text from other programs. */
  line(text: string): void {
    const status = this.#status.text;
    this.#write(status === "" ? `${text}\n` : `${ERASE}${text}\n${status}`);
  }

  /** Shows `text` as the bottom line until the next call; empty removes it. Where lines can be redrawn. */
  status(text: string): void {
    if (!this.redraws || text === this.#status.text) return;
    this.#status.text = text;
    this.#write(ERASE + text);
  }

  /**
   * Writes a line of the log, without waiting for its reader.
   *
   * @param dropped The line that tells how many lines were dropped before it.
   */
  post(text: string, dropped: (lines: number) => string): void {
    if (this.#sink.write === undefined) return this.line(text);
    if (this.#queued > MAX_QUEUED) {
      this.#dropped++;
      this.#tellDropped = dropped;
      return;
    }
    this.#posting = true;
    this.line(text);
    this.#posting = false;
  }

  /** Waits until all lines of the log are written, 1 s at most. */
  async flush(): Promise<void> {
    if (this.#pumping !== undefined) await within(FLUSH_MS, this.#pumping);
  }

  #write(text: string): void {
    if (this.#broken) return;
    if (this.#posting || this.#pumping !== undefined) {
      this.#queue.push(text);
      this.#queued += text.length;
      this.#pumping ??= this.#pump();
      return;
    }
    for (let rest = encoder.encode(text); rest.length > 0;) {
      try {
        rest = rest.subarray(this.#sink.writeSync(rest));
      } catch (error) {
        if (!this.#mayRetry(error)) {
          // A full disk, say: this text is lost, but the next one need not be.
          this.fault ??= error as Error;
          return;
        }
        // Another program made the pipe non-blocking: wait 2 ms for its reader, then try again.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
      }
    }
  }

  /** Writes the queue, all that has gathered at a time. Never rejects. */
  async #pump(): Promise<void> {
    while (this.#queue.length > 0 && !this.#broken) {
      const text = this.#queue.join("");
      this.#queue = [];
      for (let rest = encoder.encode(text); rest.length > 0 && !this.#broken;) {
        try {
          rest = rest.subarray(await this.#sink.write!(rest));
        } catch (error) {
          // What could not be written is kept, so that a line is never cut by a disk that was full.
          const ms = this.#mayRetry(error) ? BUSY_MS : RETRY_MS;
          if (!this.#broken) await new Promise((resolve) => setTimeout(resolve, ms));
        }
      }
      this.#queued -= text.length;
      if (this.#dropped === 0) continue;
      // All that was dropped came after what is in the queue.
      this.#write(`${this.#tellDropped(this.#dropped)}\n`);
      this.#dropped = 0;
    }
    this.#queue = [];
    // In the same step as the last look at the queue: a line that comes now begins anew.
    this.#pumping = undefined;
  }

  /** Whether a failed write may be tried again at once. EPIPE: no write can be read any more. */
  #mayRetry(error: unknown): boolean {
    this.#broken = error instanceof Deno.errors.BrokenPipe;
    return error instanceof Deno.errors.WouldBlock;
  }
}

/** Standard error; where it is a file, that file can be opened anew. */
class StandardError implements Sink {
  /** The path of the file, as it was called at the start. */
  readonly #path: string | undefined = pathOfStandardError();
  #file: Pick<Deno.FsFile, "writeSync" | "write"> & Partial<Disposable> = Deno.stderr;

  isTerminal(): boolean {
    return Deno.stderr.isTerminal();
  }

  writeSync(bytes: Uint8Array): number {
    return this.#file.writeSync(bytes);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#file.write(bytes);
  }

  /** Whoever rotates logs has renamed the file: what follows goes to a new one of the old name. */
  reopen(): boolean {
    if (this.#path === undefined) return false;
    const before = this.#file;
    this.#file = Deno.openSync(this.#path, { append: true, create: true });
    if (before !== Deno.stderr) {
      // A write that is under way still needs the former file.
      setTimeout(() => before[Symbol.dispose]?.(), RETRY_MS * 10);
    }
    return true;
  }
}

/** Undefined where standard error is no file, or where nobody may ask what it is. */
function pathOfStandardError(): string | undefined {
  const link = "/proc/self/fd/2";
  try {
    const { state } = Deno.permissions.querySync({ name: "read", path: link });
    if (Deno.build.os !== "linux" || state !== "granted") return undefined;
    return Deno.statSync(link).isFile ? Deno.readLinkSync(link) : undefined;
  } catch {
    return undefined;
  }
}

/** Both streams of a program. */
export interface Output {
  /** Results. */
  readonly out: TextStream;
  /** Errors, progress and logs. */
  readonly err: TextStream;
  /** Opens the file that `err` writes to anew, because it was renamed; false where there is none. */
  readonly reopen?: () => boolean;
}

function terminalColumns(): number {
  try {
    // A terminal without a size, as in `script` or in CI, says 0.
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/** Whether the terminal says of itself that it cannot move its cursor; false where it may not be asked. */
function isDumb(): boolean {
  const query = { name: "env", variable: "TERM" } as const;
  if (Deno.permissions.querySync(query).state !== "granted") return false;
  const { os } = Deno.build;
  return /^(dumb|unknown)?$/.test(Deno.env.get("TERM") ?? (os === "windows" ? "windows" : ""));
}

/** The program's own streams. Colours need a terminal that is not dumb, and NO_COLOR unset. */
export function createOutput(): Output {
  // Deno has read NO_COLOR at its start, so no permission for the environment is needed.
  const options = { colour: !Deno.noColor, redraws: !isDumb(), columns: terminalColumns };
  const sink = new StandardError();
  const err = new TextStream(sink, options);
  return { out: new TextStream(Deno.stdout, options, err), err, reopen: () => sink.reopen() };
}

/** A sink for `createLogger` that writes each event as one line. Never throws. */
export function logSink(stream: TextStream, format: "text" | "json"): (event: LogEvent) => void {
  const formatLine = (event: LogEvent) =>
    format === "json" ? formatJsonLine(event) : formatText(event, stream.colour);
  const dropped = (lines: number) =>
    formatLine({
      time: new Date().toISOString(),
      level: "warn",
      event: "log.dropped",
      fields: { lines },
    });
  return (event) => {
    let line: string;
    try {
      line = formatLine(event);
    } catch (error) {
      // A field that JSON cannot hold (a bigint, a circle) must not lose the event or end the program.
      line = formatLine({ ...event, fields: { unloggable: String(error) } });
    }
    stream.post(line, dropped);
  };
}
