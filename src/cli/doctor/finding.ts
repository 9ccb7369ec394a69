/** What a check of `fxfer doctor` finds. @module */

/** One thing that was looked at. */
export interface Finding {
  /** `problem`: the server will not do its job; `note`: it will, with something to know. */
  readonly level: "ok" | "note" | "problem";
  /** What was looked at, in a word. */
  readonly check: string;
  /** What was seen. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Makes findings of one check. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #check: string;

  constructor(check: string) {
    this.#check = check;
  }
  ok(text: string): this {
    return this.#add("ok", text);
  }
  note(text: string, advice?: string): this {
    return this.#add("note", text, advice);
  }
  problem(text: string, advice?: string): this {
    return this.#add("problem", text, advice);
  }
  #add(level: Finding["level"], text: string, advice?: string): this {
    const check = this.#check;
    this.list.push({ level, check, text, ...(advice === undefined ? {} : { advice }) });
    return this;
  }
}

/** An error of the system in a few words. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
