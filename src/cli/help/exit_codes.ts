/** What the exit codes mean, for people and from the table of codes. Pure. @module */
import { CODES } from "../../errors.ts";

/** Each exit code of the program in a few words. */
export const EXIT_CODES: ReadonlyMap<number, string> = new Map([
  [0, "all is well"],
  [1, "wrong usage or configuration"],
  [2, "tried again until the tries were used up; can be resumed"],
  [3, "refused by the server"],
  [4, "not authorised"],
  [5, "the bytes are not what they should be"],
  [6, "sent to a version 1 server that confirms nothing"],
  [7, "another connection took the session over"],
  [8, "a local file cannot be used"],
  [9, "some files were not stored"],
  [130, "interrupted; can be resumed"],
]);

/** `fxfer help exit-codes`: under each exit code the codes of errors and replies that lead to it. */
export function exitCodesText(): string {
  const all = Object.entries(CODES);
  const left = Math.max(...all.map(([code]) => code.length)) + 2;
  return [
    "Exit codes",
    "==========",
    "",
    "Under each exit code are the codes of errors and replies that lead to it. After",
    "an exit that can be resumed, the same command goes on where it was.",
    ...[...EXIT_CODES].flatMap(([exit, meaning]) => [
      "",
      `${exit}  ${meaning}`,
      ...all.filter(([, spec]) => spec.exit === exit)
        .map(([code, { message }]) => `  ${code.padEnd(left)}${message}`),
    ]),
  ].join("\n");
}
