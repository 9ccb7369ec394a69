/** Tests of pure code. @module */

/** A test that may touch nothing. */
export function pure(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}
