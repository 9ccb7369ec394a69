/** Upload ids that a test can name. @module */

/** The upload id of a number, which stands at its end. */
export const idOf = (n: number): string => `6f9619ff-8b86-4d01-b42d-${String(n).padStart(12, "0")}`;
