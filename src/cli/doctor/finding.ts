/** What a check of `fxfer doctor` says. @module */
import { omitUndefined } from "../../omit_undefined.ts";

/** What a check says about one thing. */
export interface Finding {
  /** `problem`: the server will not do its job; `note`: it will, with something to know. */
  readonly level: "ok" | "note" | "problem";
  readonly text: string;
  readonly advice?: string;
}

/** A finding that needs no action. */
export const ok = (text: string): Finding => ({ level: "ok", text });

/** A finding that the user should know of. */
export const note = (text: string, advice?: string): Finding =>
  omitUndefined({ level: "note" as const, text, advice });

/** A finding that keeps the server from doing its job. */
export const problem = (text: string, advice?: string): Finding =>
  omitUndefined({ level: "problem" as const, text, advice });
