/** QR codes on a terminal. The library is loaded only here. @module */

/**
 * The lines of a QR code of a text; none where the terminal is too narrow for it.
 *
 * @param colour Whether it may be drawn in black on white, which every camera reads.
 */
export async function qrCode(text: string, columns: number, colour: boolean): Promise<string[]> {
  const { renderUnicodeCompact } = await import("npm:uqr@0.1.3");
  const lines = renderUnicodeCompact(text, { ecc: "L", border: 2 }).trimEnd().split("\n");
  if (lines.some((line) => line.length > columns)) return [];
  return colour ? lines.map((line) => `\x1b[97;40m${line}\x1b[0m`) : lines;
}
