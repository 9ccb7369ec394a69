/** The few colours of the program, on terminals that want them. @module */
import type { TextStream } from "./output.ts";

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** What a text may look like. */
export type Style = keyof typeof CODES;

/** Puts a style around a text; both without effect where no colours are wanted. */
export type Paint = (style: Style, text: string) => string;

/** The paint of a stream. */
export function paintOf({ colour }: TextStream): Paint {
  return (style, text) => colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}
