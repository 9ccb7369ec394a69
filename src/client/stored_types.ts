/** The types of what a program asks of the files that a server has. @module */
import type { FileInfo, ListData } from "../protocol/mod.ts";
import type { Source } from "./source.ts";

/** Names a stored file: by its path, as the server has said it, or the newest file of a name.
 * @category Client */
export type StoredName = { readonly path: string } | { readonly name: string };

/** Which files to list, and in which order.
 * @category Client */
export interface ListOptions extends Partial<Omit<ListData, "after" | "follows" | "limit">> {
  /** Files in a page, 1 to 1000; the pages follow each other by themselves. @default {1000} */
  readonly pageSize?: number;
  /**
   * How many pages are asked for at once, 1 to 64, where the server can do that (S-LST-2): for a program that
   * reads the whole list, and would else wait for each page as long as a round trip takes. @default {1}
   */
  readonly pagesAhead?: number;
  /** Ends the list: it throws `interrupted`. */
  readonly signal?: AbortSignal;
}

/**
 * Where the bytes of a fetched file go: a stream, or a function that gets each piece with its offset in
 * the file.
 *
 * Pieces come in order, each byte once, also after lost connections. The client waits for each piece to
 * be taken before it reads on. A piece given to a function is valid until the function returns or its
 * promise resolves; the function must not change it. A stream is closed when the file is whole and
 * checked, and aborted with the error otherwise.
 * @category Client
 */
export type FetchSink =
  | WritableStream<Uint8Array>
  | ((bytes: Uint8Array, offset: number) => void | Promise<void>);

/** How a file is fetched.
 * @category Client */
export interface FetchOptions {
  /** Where in the file to begin, in bytes. @default {0} */
  readonly offset?: number;
  /** How many bytes at most; default all the rest. */
  readonly length?: number;
  /**
   * The bytes that an earlier fetch has given, from the start of the file, in place of `offset`: the fetch
   * goes on behind them. They are read once, so that the whole file is checked.
   */
  readonly before?: Source;
  /**
   * Takes a file that has come whole and in one piece, in place of the sink: its bytes are right. They are
   * valid until it returns or its promise resolves. Smaller files often come so.
   */
  readonly whole?: (bytes: Uint8Array, file: FileInfo) => void | Promise<void>;
  /** The SHA-256 that the file must have, 64 lower-case hex digits, or nothing of it is fetched. */
  readonly sha256?: string;
  /** Called after each piece with the bytes of the file that are there; it must not throw. */
  readonly onProgress?: (received: number, file: FileInfo) => void;
  /** Gives the fetch up: it rejects with `interrupted`, other requests go on. */
  readonly signal?: AbortSignal;
}

/** The result of a fetch.
 * @category Client */
export interface FetchResult {
  /** The file as the server describes it. */
  readonly file: FileInfo;
  /** How many bytes this fetch has given. */
  readonly bytes: number;
  /** Whether the whole file was there and its SHA-256 was compared; false for a part of a file. */
  readonly verified: boolean;
  /** The offsets at which the fetch went on after a lost connection. */
  readonly resumedFrom: readonly number[];
}

/** The result of a removal.
 * @category Client */
export interface RemoveResult {
  /** The file that is gone; undefined if an earlier try removed it and its reply was lost. */
  readonly file: FileInfo | undefined;
  /** Whether an earlier try removed it. */
  readonly replayed: boolean;
}
