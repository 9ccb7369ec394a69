/** Output that is kept for looking at. */
import { type Output, type Sink, TextStream } from "../../src/terminal/output.ts";

const decoder = new TextDecoder();

/** A sink that keeps what is written. */
export class Screen implements Sink {
  text = "";
  /** The single writes, in order. */
  readonly writes: string[] = [];
  readonly #terminal: boolean;

  constructor(terminal = false) {
    this.#terminal = terminal;
  }
  isTerminal(): boolean {
    return this.#terminal;
  }
  writeSync(bytes: Uint8Array): number {
    const text = decoder.decode(bytes);
    this.text += text;
    this.writes.push(text);
    return bytes.length;
  }
  /** What was written so far, as lines. */
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
  /** What a person sees: erased lines are gone. */
  get visible(): string {
    return this.text.split("\n").map((line) => line.split("\r\x1b[K").at(-1)).join("\n");
  }
}

/** An {@linkcode Output} into two screens. */
export function screens(): { output: Output; out: Screen; err: Screen } {
  const [out, err] = [new Screen(), new Screen()];
  return { output: { out: new TextStream(out), err: new TextStream(err) }, out, err };
}
