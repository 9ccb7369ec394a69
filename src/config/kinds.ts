/**
 * The kinds of value a setting can have. Each takes what YAML gives and also plain text, so that
 * `--set server.port=8080` means the same as the line in the file.
 *
 * @module
 */

/** How a setting's value is read. */
export interface Kind<T> {
  /** What is wanted, for faults and the documentation: `whole number 0 to 65535`. */
  readonly wanted: string;
  /** The value, or undefined when `raw` is none. */
  read(raw: unknown): T | undefined;
  /** True when the value may hold a secret: it is neither echoed nor printed. */
  readonly secret?: boolean;
}

const DECIMAL = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/;

const inRange = (value: number, min: number, max: number): number | undefined =>
  value >= min && value <= max ? value : undefined;

const range = (min: number, max: number): string =>
  max >= Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    wanted: `whole number ${range(min, max)}`,
    read(raw) {
      const value = typeof raw === "string" && /^\d+$/.test(raw) ? Number(raw) : raw;
      return typeof value === "number" && Number.isSafeInteger(value)
        ? inRange(value, min, max)
        : undefined;
    },
  };
}

const SECONDS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["ms", 0.001],
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86400],
]);

/** A duration in seconds, fractions allowed; text may carry a unit: `500ms`, `30s`, `5m`, `1h`, `2d`. */
export function seconds(min: number, max: number): Kind<number> {
  return {
    wanted: `seconds ${range(min, max)}, for example 30, 0.5 or "5m"`,
    read: (raw) => read(raw, SECONDS, min, max),
  };
}

const BYTES: ReadonlyMap<string, number> = new Map(
  ["k", "m", "g", "t"].flatMap((letter, index): [string, number][] => [
    // A bare letter is binary, as in nginx, dd and Redis.
    [letter, 1024 ** (index + 1)],
    [`${letter}ib`, 1024 ** (index + 1)],
    [`${letter}b`, 1000 ** (index + 1)],
  ]).concat([["", 1], ["b", 1]]),
);

/** A number of bytes; text may carry a unit: `64k` and `64KiB` are 65,536, `64kB` is 64,000. */
export function bytes(min: number): Kind<number> {
  const max = Number.MAX_SAFE_INTEGER;
  return {
    wanted: `bytes ${range(min, max)}, for example 65536, "64k" or "10MiB"`,
    read(raw) {
      const value = read(raw, BYTES, min, max);
      return Number.isSafeInteger(value) ? value : undefined;
    },
  };
}

function read(
  raw: unknown,
  units: ReadonlyMap<string, number>,
  min: number,
  max: number,
): number | undefined {
  if (typeof raw === "number") return Number.isFinite(raw) ? inRange(raw, min, max) : undefined;
  if (typeof raw !== "string") return undefined;
  const [, digits, unit] = DECIMAL.exec(raw.trim()) ?? [];
  const factor = unit === undefined ? undefined : units.get(unit.toLowerCase());
  return factor === undefined ? undefined : inRange(Number(digits) * factor, min, max);
}

/**
 * One of some words. Where `on` or `off` is among them, true and false are taken for it: YAML 1.1
 * reads a bare `off` as false.
 */
export function choice<const T extends string>(...values: readonly T[]): Kind<T> {
  return {
    wanted: values.length === 2 ? values.join(" or ") : `one of ${values.join(", ")}`,
    read(raw) {
      const word = raw === true || raw === "true"
        ? "on"
        : raw === false || raw === "false"
        ? "off"
        : raw;
      return values.find((value) => value === word);
    },
  };
}

/** Text that passes `accept`. */
export function text(
  wanted: string,
  accept: (text: string) => boolean,
  options: { readonly secret?: boolean } = {},
): Kind<string> {
  return {
    wanted,
    read: (raw) => typeof raw === "string" && accept(raw) ? raw : undefined,
    ...options,
  };
}

/** `off`, which YAML may have read as false, or a value of another kind. */
export function offOr<T>(kind: Kind<T>): Kind<T | "off"> {
  return {
    wanted: `off or ${kind.wanted}`,
    read: (raw) => raw === "off" || raw === false || raw === "false" ? "off" : kind.read(raw),
  };
}

/** One word, or a value of another kind. */
export function orWord<const W extends string, T>(word: W, kind: Kind<T>): Kind<T | W> {
  return {
    wanted: `${word} or ${kind.wanted}`,
    read: (raw) => raw === word ? word : kind.read(raw),
  };
}

/** A list of values of one kind; as text, they stand between commas. */
export function list<T>(item: Kind<T>, example: string): Kind<readonly T[]> {
  return {
    wanted: `a list of ${item.wanted}, for example ${example}`,
    read(raw) {
      const items = typeof raw === "string"
        ? raw.split(",").map((text) => text.trim()).filter((text) => text !== "")
        : raw;
      if (!Array.isArray(items)) return undefined;
      const values = items.map((value) => item.read(value));
      return values.includes(undefined) ? undefined : Object.freeze(values as T[]);
    },
  };
}
