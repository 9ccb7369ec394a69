/** What the tests of parseConfig() share. @module */
import assert from "node:assert/strict";
import { type ConfigFault, formatFault, parseConfig } from "../../src/config/mod.ts";
import { FxferError } from "../../src/errors.ts";

/** The faults of a configuration; empty when it is valid. */
export function faultsOf(input: unknown): readonly ConfigFault[] {
  try {
    parseConfig(input);
  } catch (error) {
    assert(error instanceof FxferError, String(error));
    assert.equal(error.code, "config_invalid");
    assert.equal(error.exit, 1);
    return error.fields.faults as ConfigFault[];
  }
  return [];
}

/** The same as lines of text. */
export const linesOf = (input: unknown): string[] => faultsOf(input).map(formatFault);

/** `{a: {b: value}}` for the path `a.b`. */
export function at(path: string, value: unknown): unknown {
  return path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}
