/** How frames and events of connections are shown, live or from a file. @module */
import { type Paint, paintOf, type TextStream } from "../../terminal/mod.ts";
import { wrap } from "../../text.ts";
import { frameHeading, frameLine } from "../demo/frame_line.ts";
import type { WireRecord } from "./record.ts";
import { ruleOf, ruleSentences } from "./rules.ts";

const EVENTS = {
  open: "opened",
  closed: "closed",
  unread: "has no frames of version 2 that can be read: the rest is not shown",
} as const;

/** Writes each frame as a line, and under it the rule; a rule's sentence the first time only. */
export class FrameView {
  readonly #out: TextStream;
  readonly #paint: Paint;
  readonly #sentences: ReadonlyMap<string, string>;
  readonly #told = new Set<string>();
  /** The connection of the last line. */
  #connection: number | undefined;

  private constructor(out: TextStream, sentences: ReadonlyMap<string, string>) {
    this.#out = out;
    this.#paint = paintOf(out);
    this.#sentences = sentences;
  }

  static async make(out: TextStream): Promise<FrameView> {
    return new FrameView(out, await ruleSentences());
  }

  /** Says where clients may connect. */
  begin(listen: string, target: string): void {
    this.#out.line(`listening on ${listen}, to ${target}`);
    this.#out.line(frameHeading(this.#paint));
  }

  show(record: WireRecord): void {
    const seconds = `${(record.ms / 1000).toFixed(3)} s`;
    const head = `${seconds.padStart(9)}  connection ${record.connection + 1}`;
    if (record.event !== "frame") {
      this.#connection = record.connection;
      this.#out.line(this.#paint("dim", `${head} ${EVENTS[record.event]}`));
      return;
    }
    if (this.#connection !== record.connection) this.#out.line(this.#paint("dim", head));
    this.#connection = record.connection;
    this.#out.line(frameLine(record, this.#paint));
    const rule = ruleOf(record.frame);
    if (rule === undefined) return;
    const sentence = this.#told.has(rule) ? "" : ` ${this.#sentences.get(rule) ?? ""}`;
    this.#told.add(rule);
    for (const line of wrap(`${rule}${sentence}`, 72)) {
      this.#out.line(this.#paint("dim", `      ${line}`));
    }
  }
}
