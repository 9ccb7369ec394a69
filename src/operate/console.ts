/** The console in the browser: its files, which are part of the program. @module */
import type { HttpAnswer } from "../admin/mod.ts";

/** What is served without a token, by its path. */
export const CONSOLE_FILES: ReadonlyMap<string, HttpAnswer> = new Map();
