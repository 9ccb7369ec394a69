/** From a file's name to its media type, by the table of mime-db. @module */
import { extname } from "node:path";
import { MEDIA_TYPE } from "./args.ts";

/** The media type of files that the table does not know. */
export const UNKNOWN_TYPE = "application/octet-stream";

/** The media type for a file's name. */
export type TypeTable = (name: string) => string;

/** A row of mime-db, whose key is a media type. */
interface Row {
  /** Who says so; absent for what mime-db itself has added. */
  readonly source?: string;
  readonly extensions?: readonly string[];
}

/**
 * Loads the table, which only a command that sends files by name needs. The package mime-types, which gives
 * the same answers, takes six times as long to load.
 */
export async function loadTypes(): Promise<TypeTable> {
  const { default: rows } = await import("npm:mime-db@1.54.0/db.json", {
    with: { type: "json" },
  }) as { default: Readonly<Record<string, Row>> };
  const entries = Object.entries(rows);
  const known = new Map<string, string>();
  const typeOf = (extension: string): string => {
    let best: string | undefined;
    for (const [type, { extensions }] of entries) {
      if (extensions?.includes(extension) !== true) continue;
      if (best === undefined || score(type, rows) >= score(best, rows)) best = type;
    }
    // The table comes from a package, and the type goes into a header: check its form.
    return best !== undefined && MEDIA_TYPE.test(best) ? best : UNKNOWN_TYPE;
  };
  return (name) => {
    // A name without a dot, such as "c", has no extension.
    const extension = extname(name);
    let type = known.get(extension);
    if (type === undefined) {
      type = typeOf(extension.slice(1).toLowerCase());
      known.set(extension, type);
    }
    return type;
  };
}

/** How official the first part of a subtype makes a type (RFC 6838, section 3). */
const FACETS = { "prs.": 100, "x-": 200, "x.": 300, "vnd.": 400 } as const;
const SOURCES = { nginx: 10, apache: 20, iana: 40 } as const;
const TOP_LEVELS = { application: 1, font: 2, audio: 2, video: 3 } as const;

/** Of several types with one extension, that with the highest score is meant, and the shorter of two equals. */
function score(type: string, rows: Readonly<Record<string, Row>>): number {
  if (type === UNKNOWN_TYPE) return 0;
  const [topLevel = "", subtype = ""] = type.split("/");
  const facet = /^[^.]*?(?:\.|x-)/.exec(subtype)?.[0] ?? "";
  return valueOf(FACETS, facet, 900) + valueOf(SOURCES, rows[type]?.source ?? "", 30) +
    valueOf(TOP_LEVELS, topLevel, 0) + 1 - type.length / 100;
}

function valueOf(table: Readonly<Record<string, number>>, key: string, absent: number): number {
  return Object.hasOwn(table, key) ? table[key]! : absent;
}
