/**
 * Readers for the values of settings. Each reader takes what YAML gives and also plain text, so that
 * `--set server.port=8080` means the same as the line in the file.
 *
 * @module
 */
import { parseHost, parseNetwork } from "../address.ts";
import { parseRedisUrl } from "./redis_url.ts";
import { readBytes, readSeconds, whole } from "../text.ts";

/** What a client may be allowed to do. */
const RIGHTS: readonly string[] = ["put", "get", "list", "remove"];

/** The smallest and the largest number; without the second there is no largest. */
export type Range = readonly [min: number, max?: number];

/** The sorts of text that the table names. */
export type TextName = "http_url" | "host" | "folder" | "file" | "file_name" | "redis_url";

/** The values that a row of the table allows: some words, values of one other sort, or both. */
export interface Values {
  readonly words?: readonly string[];
  readonly integer?: Range;
  /** Fractions are allowed, and text may carry a unit: `500ms`, `30s`, `5m`, `1h`, `2d`. */
  readonly seconds?: Range;
  /** Text may carry a unit: `64k` and `64KiB` are 65,536, `64kB` is 64,000. */
  readonly bytes?: Range;
  readonly text?: TextName;
  /** As text, the items stand between commas. */
  readonly list?: "networks" | "rights" | "hosts";
}

/** Reads values of one sort. */
interface Reader {
  /** The wanted values in a few words: `seconds 0 to 86400`. */
  readonly brief: string;
  /** What a fault adds to these words. */
  readonly example?: string;
  /** Whether the value may hold a password: then faults do not repeat it, and it is printed masked. */
  readonly secret?: boolean;
  /** The value that `raw` stands for; undefined when `raw` is not of this sort. */
  read(raw: unknown): unknown;
}

/** Reads the values of one setting. */
export interface Kind extends Reader {
  /** The wanted values as faults name them, with an example. */
  readonly wanted: string;
  /** The words that the setting takes; empty where it takes values of another sort only. */
  readonly words: readonly string[];
}

/** The reader for the values that a row of the table allows. */
export function kindOf(row: Values): Kind {
  const { words = [] } = row;
  const other = readerBesideWords(row);
  const brief = words.length > 2
    ? `one of ${words.join(", ")}`
    : [...words, ...(other === undefined ? [] : [other.brief])].join(" or ");
  return {
    ...other,
    brief,
    wanted: brief + (other?.example ?? ""),
    words,
    read(raw) {
      const word = readSwitch(raw) ?? raw;
      return words.find((each) => each === word) ?? other?.read(raw);
    },
  };
}

function readerBesideWords({ integer, seconds, bytes, text, list }: Values): Reader | undefined {
  if (integer !== undefined) return numbers("whole number", integer, readInteger);
  if (seconds !== undefined) {
    return numbers("seconds", seconds, readSeconds, ', for example 30, 0.5 or "5m"');
  }
  if (bytes !== undefined) {
    return numbers("bytes", bytes, readBytes, ', for example 65536, "64k" or "10MiB"');
  }
  return list === undefined ? text && TEXTS[text] : LISTS[list];
}

/** `on` or `off`; true and false count as these words, because YAML 1.1 reads the words so. */
export function readSwitch(raw: unknown): "on" | "off" | undefined {
  if (raw === false || raw === "off" || raw === "false") return "off";
  return raw === true || raw === "on" || raw === "true" ? "on" : undefined;
}

function numbers(
  noun: string,
  [min, max = Number.MAX_SAFE_INTEGER]: Range,
  readNumber: (raw: unknown) => number | undefined,
  example = "",
): Reader {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  return {
    brief: `${noun} ${range}`,
    example,
    read(raw) {
      const value = readNumber(raw);
      return value !== undefined && value >= min && value <= max ? value : undefined;
    },
  };
}

function readInteger(raw: unknown): number | undefined {
  return whole(typeof raw === "string" && /^\d+$/.test(raw) ? Number(raw) : raw);
}

/** Reads the text for which `accepts` gives anything true. */
const text = (brief: string, accepts: (text: string) => unknown): Reader => ({
  brief,
  read: (raw) => typeof raw === "string" && accepts(raw) ? raw : undefined,
});

const TEXTS: Readonly<Record<TextName, Reader>> = {
  host: {
    brief: "an IP address or a host name",
    read: (raw) => typeof raw === "string" ? parseHost(raw) : undefined,
  },
  http_url: {
    ...text("an http or https URL", (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? "")),
    secret: true,
  },
  folder: text("a folder", (text) => text.trim() !== "" && !text.includes("\0")),
  file: text("a file", (text) => text.trim() !== "" && !text.includes("\0")),
  file_name: text(
    "a plain file name of letters, digits, dot, dash and underscore",
    (text) => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(text),
  ),
  redis_url: {
    ...text("a redis, redis+cluster or redis+sentinel URL", parseRedisUrl),
    example: ", or one of these with rediss",
    secret: true,
  },
};

/** Reads a list of the items for which `accepts` gives anything true. */
const listOf = (brief: string, example: string, accepts: (item: string) => unknown): Reader => ({
  brief,
  example,
  read(raw) {
    const items: unknown = typeof raw === "string"
      // A flag may show the list as config.yaml does, in brackets.
      ? raw.trim().replace(/^\[([^[\]]*)\]$/, "$1").split(",").map((text) => text.trim())
        .filter((text) => text !== "")
      : raw;
    const valid = Array.isArray(items) &&
      items.every((item) => typeof item === "string" && accepts(item));
    return valid ? Object.freeze([...new Set(items)]) : undefined;
  },
});

const LISTS: Readonly<Record<NonNullable<Values["list"]>, Reader>> = {
  networks: listOf(
    "a list of IP addresses or networks such as 10.0.0.0/8",
    ", for example [127.0.0.1, 10.0.0.0/8]",
    parseNetwork,
  ),
  hosts: listOf(
    "a list of host names or IP addresses",
    ", for example [files.example.org, 192.0.2.10]",
    parseHost,
  ),
  rights: listOf(
    "a list of put, get, list and remove",
    ", for example [put, get]",
    (item) => RIGHTS.includes(item),
  ),
};
