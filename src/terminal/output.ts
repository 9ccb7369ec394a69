/**
 * The only file that writes to the terminal: lines, one status line that stays at the bottom, and
 * log events. If the reader of the output ends (`fxfer … | head -1`), no more is written, and the
 * program goes on.
 *
 * @module
 */
import type { LogEvent } from "../log.ts";
import { formatJsonLine, formatText } from "./format.ts";

/** What a stream writes to: `Deno.stdout`, or a test's buffer. */
export interface Sink {
  /** Writes some of the bytes and returns how many. */
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** How a stream is set up. */
export interface TextStreamOptions {
  /** Whether colours are wanted, if the sink is a terminal. */
  readonly colour?: boolean;
  /** The width of the terminal, which may change; default 80. */
  readonly columns?: () => number;
}

const encoder = new TextEncoder();
const ERASE = "\r\x1b[K";

/** Standard output or standard error, line by line. */
export class TextStream {
  /** Whether the stream goes to a terminal. */
  readonly terminal: boolean;
  /** Whether to write colours. */
  readonly colour: boolean;
  readonly #sink: Sink;
  readonly #columns: () => number;
  /** The status line. Each write erases it, and draws it again below what it wrote. */
  readonly #status: { text: string };
  #broken = false;

  /**
   * Writes to a sink.
   *
   * @param screen A stream to the same terminal: both then share one status line.
   */
  constructor(sink: Sink, options: TextStreamOptions = {}, screen?: TextStream) {
    this.#sink = sink;
    this.terminal = sink.isTerminal();
    this.colour = this.terminal && (options.colour ?? false);
    this.#columns = options.columns ?? (() => 80);
    this.#status = this.terminal && screen?.terminal ? screen.#status : { text: "" };
  }

  /** The width of the terminal; 80 where there is none. */
  get columns(): number {
    return this.#columns();
  }

  /** Writes a line. The caller escapes control characters in text from other programs. */
  line(text: string): void {
    const status = this.#status.text;
    this.#write(status === "" ? `${text}\n` : `${ERASE}${text}\n${status}`);
  }

  /** Shows `text` as the bottom line until the next call; empty removes it. Terminals only. */
  status(text: string): void {
    if (!this.terminal) return;
    this.#status.text = text;
    this.#write(ERASE + text);
  }

  #write(text: string): void {
    let rest = encoder.encode(text);
    while (rest.length > 0 && !this.#broken) {
      try {
        rest = rest.subarray(this.#sink.writeSync(rest));
      } catch (error) {
        // EPIPE, or the terminal is gone: nothing that is written can be read any more.
        this.#broken = !(error instanceof Deno.errors.WouldBlock);
        // Another program made the pipe non-blocking: wait 2 ms for its reader, then try again.
        if (!this.#broken) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }
}

/** Both streams of a program. */
export interface Output {
  /** Results. */
  readonly out: TextStream;
  /** Errors, progress and logs. */
  readonly err: TextStream;
}

function terminalColumns(): number {
  try {
    // A terminal without a size, as in `script` or in CI, says 0.
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/** The program's own streams. Colours need a terminal and NO_COLOR unset. */
export function createOutput(): Output {
  // Deno has read NO_COLOR at its start, so no permission for the environment is needed.
  const options = { colour: !Deno.noColor, columns: terminalColumns };
  const err = new TextStream(Deno.stderr, options);
  return { out: new TextStream(Deno.stdout, options, err), err };
}

/** A sink for `createLogger` that writes each event as one line. Never throws. */
export function logSink(stream: TextStream, format: "text" | "json"): (event: LogEvent) => void {
  const formatLine = (event: LogEvent) =>
    format === "json" ? formatJsonLine(event) : formatText(event, stream.colour);
  return (event) => {
    let line: string;
    try {
      line = formatLine(event);
    } catch (error) {
      // A field that JSON cannot hold (a bigint, a circle) must not lose the event or end the program.
      line = formatLine({ ...event, fields: { unloggable: String(error) } });
    }
    stream.line(line);
  };
}
