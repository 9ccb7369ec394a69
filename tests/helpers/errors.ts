/** What tests ask of an error, for `assert.throws` and `assert.rejects`. @module */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";

/** It has this code, whatever it says besides. */
export function code(expected: string): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof FxferError && error.code === expected) return true;
    throw error;
  };
}

/** It says that the store is away, and why. */
export function unavailable(error: unknown): boolean {
  return code("store_unavailable")(error) && (error as FxferError).cause !== undefined;
}

/** The error that work ends with; fails if it ends with none, or with one that has no code. */
export async function errorOf(work: () => unknown): Promise<FxferError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FxferError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown");
}

/** Fails unless the promise rejects with this code. */
export async function rejectsWith(promise: Promise<unknown>, expected: string): Promise<void> {
  await assert.rejects(promise, code(expected));
}
