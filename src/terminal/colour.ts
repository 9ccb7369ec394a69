/** Colours, on terminals that want them. @module */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** What a text may look like. */
export type Style = keyof typeof CODES;

/** A text in a style, or the text as it is where no colours are wanted. */
export type Paint = (style: Style, text: string) => string;

/** Paints text for a stream (`TextStream`), or not where that wants no colours. */
export function paintOf({ colour }: { readonly colour: boolean }): Paint {
  return (style, text) => colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}
