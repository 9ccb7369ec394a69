/**
 * The only place that writes to the terminal: lines, one status line that stays at the bottom, and
 * log events. Whoever reads the output may go away (`fxfer … | head -1`): that ends the output, not
 * the work.
 *
 * @module
 */
import type { LogEvent } from "../log.ts";
import { formatJsonLine, formatText } from "./format.ts";

/** What a stream writes to: `Deno.stdout`, or a test's buffer. */
export interface Sink {
  /** Writes some of the bytes and returns how many. */
  writeSync(bytes: Uint8Array): number;
  /** Whether a person watches. */
  isTerminal(): boolean;
}

/** How a stream is set up; tests set what a terminal would say. */
export interface TextStreamOptions {
  /** Whether colours are wanted, if the sink is a terminal. */
  readonly colour?: boolean;
  /** How wide the terminal is, asked anew for each line. */
  readonly columns?: () => number;
}

const encoder = new TextEncoder();
const ERASE = "\r\x1b[K";

/** The status line of a terminal: whoever writes to it takes the line away and puts it back. */
class StatusLine {
  #text = "";

  set(text: string, write: (text: string) => void): void {
    this.#text = text;
    write(ERASE + text);
  }
  around(write: (text: string) => void, text: string): void {
    if (this.#text === "") write(text);
    else write(ERASE + text + this.#text);
  }
}

/** Standard output or standard error, line by line. */
export class TextStream {
  /** Whether a person watches. */
  readonly terminal: boolean;
  /** Whether to write colours. */
  readonly colour: boolean;
  readonly #sink: Sink;
  readonly #columns: () => number;
  readonly #status: StatusLine;
  #broken = false;

  /**
   * Writes to a sink.
   *
   * @param screen A stream on the same terminal, whose status line is this one's too.
   */
  constructor(sink: Sink, options: TextStreamOptions = {}, screen?: TextStream) {
    this.#sink = sink;
    this.terminal = sink.isTerminal();
    this.colour = this.terminal && (options.colour ?? false);
    this.#columns = options.columns ?? (() => 80);
    this.#status = this.terminal && screen?.terminal ? screen.#status : new StatusLine();
  }

  /** The width of the terminal; 80 where there is none. */
  get columns(): number {
    return this.#columns();
  }

  /** Writes a line; the caller has escaped what strangers sent. */
  line(text: string): void {
    this.#status.around((text) => this.#write(text), `${text}\n`);
  }

  /** Shows `text` as the bottom line until the next call; empty takes it away. Terminals only. */
  status(text: string): void {
    if (this.terminal) this.#status.set(text, (text) => this.#write(text));
  }

  #write(text: string): void {
    if (this.#broken) return;
    const bytes = encoder.encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += this.#writeSome(bytes.subarray(at));
    } catch {
      // EPIPE, or the terminal is gone: there is nobody left to tell.
      this.#broken = true;
    }
  }

  #writeSome(bytes: Uint8Array): number {
    try {
      return this.#sink.writeSync(bytes);
    } catch (error) {
      // A pipe its other user made non-blocking: wait for its reader, as a blocking one would.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      return 0;
    }
  }
}

/** Both streams of a program. */
export interface Output {
  /** Results. */
  readonly out: TextStream;
  /** Everything about how it goes: errors, progress, logs. */
  readonly err: TextStream;
}

function terminalColumns(): number {
  try {
    // A terminal that was never given a size (of `script`, of a CI run) says 0.
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/** The program's own streams. Colours need a terminal and NO_COLOR unset. */
export function createOutput(): Output {
  // Deno reads NO_COLOR itself at start: no permission for the environment is asked.
  const options = { colour: !Deno.noColor, columns: terminalColumns };
  const err = new TextStream(Deno.stderr, options);
  return { out: new TextStream(Deno.stdout, options, err), err };
}

/** What `createLogger` of log.ts takes: each event becomes one line. Never throws. */
export function logSink(stream: TextStream, format: "text" | "json"): (event: LogEvent) => void {
  return (event) => {
    let line: string;
    try {
      line = format === "json" ? formatJsonLine(event) : formatText(event, stream.colour);
    } catch (error) {
      // A field that is no JSON (a bigint, a circle) must not cost the event, nor the connection.
      const fields = { unloggable: String(error) };
      line = format === "json"
        ? formatJsonLine({ ...event, fields })
        : formatText({ ...event, fields }, stream.colour);
    }
    stream.line(line);
  };
}
