/** From a file's name to its media type, by the table of mime-db. @module */
import { extname } from "node:path";
import { MEDIA_TYPE } from "./args.ts";

/** The media type of files that the table does not know. */
export const UNKNOWN_TYPE = "application/octet-stream";

/** Usual extensions, by their media types as the table has them: for those the table is not loaded. */
export const COMMON: Readonly<Record<string, string>> = {
  "text/plain": "txt text log conf ini",
  "text/csv": "csv",
  "text/markdown": "md",
  "text/html": "html htm",
  "text/css": "css",
  "text/javascript": "js mjs",
  "application/json": "json map",
  "application/xml": "xml",
  "text/yaml": "yaml yml",
  "application/toml": "toml",
  "application/pdf": "pdf",
  "application/rtf": "rtf",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
  "application/vnd.ms-powerpoint": "ppt",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
  "application/vnd.oasis.opendocument.text": "odt",
  "application/vnd.oasis.opendocument.spreadsheet": "ods",
  "application/epub+zip": "epub",
  "image/jpeg": "jpg jpeg",
  "image/png": "png",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/svg+xml": "svg",
  "image/bmp": "bmp",
  "image/tiff": "tif tiff",
  "image/vnd.microsoft.icon": "ico",
  "image/heic": "heic",
  "image/avif": "avif",
  "audio/mpeg": "mp3",
  "audio/wav": "wav",
  "audio/ogg": "ogg oga opus",
  "audio/x-flac": "flac",
  "audio/mp4": "m4a",
  "audio/aac": "aac",
  "video/mp4": "mp4",
  "video/x-m4v": "m4v",
  "video/quicktime": "mov",
  "video/x-matroska": "mkv",
  "video/webm": "webm",
  "video/x-msvideo": "avi",
  "video/mpeg": "mpeg mpg",
  "video/ogg": "ogv",
  "application/zip": "zip",
  "application/gzip": "gz",
  "application/octet-stream":
    "tgz zst bin dat so py rb hpp kt go tsx swift vue bib db sqlite parquet jsonl lock bak tmp o a pyc raw cr2 nef",
  "application/x-tar": "tar",
  "application/x-bzip2": "bz2",
  "application/x-xz": "xz",
  "application/x-7z-compressed": "7z",
  "application/vnd.rar": "rar",
  "application/java-archive": "jar",
  "application/x-iso9660-image": "iso",
  "application/x-debian-package": "deb",
  "application/x-msdos-program": "exe",
  "application/x-msdownload": "dll",
  "application/wasm": "wasm",
  "font/ttf": "ttf",
  "font/otf": "otf",
  "font/woff": "woff",
  "font/woff2": "woff2",
  "application/x-sh": "sh",
  "application/x-perl": "pl",
  "text/x-c": "c h cpp cc",
  "text/x-java-source": "java",
  "video/mp2t": "ts",
  "application/sql": "sql",
  "text/x-lua": "lua",
  "text/x-scss": "scss",
  "text/less": "less",
  "application/x-tex": "tex",
  "message/rfc822": "eml",
  "text/calendar": "ics",
  "text/x-vcard": "vcf",
  "image/vnd.adobe.photoshop": "psd",
  "application/postscript": "ai eps ps",
  "image/x-adobe-dng": "dng",
  "video/x-ms-wmv": "wmv",
};

/** A row of mime-db, whose key is a media type. */
interface Row {
  /** Who says so; absent for what mime-db itself has added. */
  readonly source?: string;
  readonly extensions?: readonly string[];
}

/** The media types of files, by the extensions of their names. */
export class MediaTypes {
  /** By the extensions as they are written, with their dots. A name without a dot, such as "c", has none. */
  readonly #known = new Map<string, string>([["", UNKNOWN_TYPE]]);
  #rows: Readonly<Record<string, Row>> | undefined;

  constructor() {
    for (const [type, extensions] of Object.entries(COMMON)) {
      for (const extension of extensions.split(" ")) this.#known.set(`.${extension}`, type);
    }
  }

  /** The media type for a file's name; undefined if {@linkcode load} must be awaited first. */
  of(name: string): string | undefined {
    const extension = extname(name);
    const known = this.#known.get(extension);
    if (known !== undefined) return known;
    const lower = extension.toLowerCase();
    const type = this.#known.get(lower) ?? (this.#rows && typeOf(lower.slice(1), this.#rows));
    if (type !== undefined) this.#known.set(extension, type);
    return type;
  }

  /**
   * Loads the table. It takes some milliseconds and 2 MiB; the package mime-types, which gives the same answers,
   * takes six times as long.
   */
  async load(): Promise<void> {
    const { default: rows } = await import("npm:mime-db@1.54.0/db.json", {
      with: { type: "json" },
    }) as { default: Readonly<Record<string, Row>> };
    this.#rows = rows;
  }
}

function typeOf(extension: string, rows: Readonly<Record<string, Row>>): string {
  let best: string | undefined;
  for (const [type, { extensions }] of Object.entries(rows)) {
    if (extensions?.includes(extension) !== true) continue;
    if (best === undefined || score(type, rows) >= score(best, rows)) best = type;
  }
  // The table comes from a package, and the type goes into a header: check its form.
  return best !== undefined && MEDIA_TYPE.test(best) ? best : UNKNOWN_TYPE;
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
