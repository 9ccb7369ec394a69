/** What a check of `fxfer doctor` finds. @module */
import { omitUndefined } from "../../omit_undefined.ts";

/** What a check says about one thing. */
export interface Finding {
  /** `problem`: the server will not do its job; `note`: it will, with something to know. */
  readonly level: "ok" | "note" | "problem";
  /** The check that found it, in one or two words. */
  readonly check: string;
  /** What the check saw. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Collects the findings of one check. */
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
    this.list.push(omitUndefined({ level, check: this.#check, text, advice }));
    return this;
  }
}
