/** Records without the fields that are undefined. Open to all folders; imports nothing. @module */

/** `T` where a field that may be undefined is absent instead. */
export type WithoutUndefined<T> =
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
  & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

/** `T` while its fields are set one after the other: what {@linkcode omitUndefined} does, without a copy. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * A copy without the fields whose value is undefined: what `exactOptionalPropertyTypes` asks for
 * where an optional field is passed on.
 *
 * @example
 * ```ts
 * import { omitUndefined } from "./omit_undefined.ts";
 *
 * console.assert(!("name" in omitUndefined({ name: undefined, size: 3 })));
 * ```
 */
export function omitUndefined<T extends object>(fields: T): WithoutUndefined<T> {
  const kept: Record<string, unknown> = {};
  for (const key of Object.keys(fields) as (keyof T & string)[]) {
    const value = fields[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept as WithoutUndefined<T>;
}
