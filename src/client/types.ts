/** The types of what a program gives to the client and gets from it. @module */
import type { Code, FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { FileInfo } from "../protocol/mod.ts";
import type {
  FetchOptions,
  FetchResult,
  FetchSink,
  ListOptions,
  RemoveResult,
  StoredName,
} from "./stored_types.ts";
import type { SourceInput } from "./source.ts";
import type { SessionTotals, Terms } from "./terms.ts";
import type { TlsOptions } from "../tls/mod.ts";

/** How a client connects.
 * @category Client */
export interface ConnectOptions {
  /** The server's name or address, without a port. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** 1 to 65535. @default {65432}, with `tls` 65433 */
  readonly port?: number;
  /**
   * Whether connections are encrypted, and how the server is verified; `true` is by its name. A client with
   * TLS never goes on without (S-TLS-3).
   * @default {false}
   */
  readonly tls?: boolean | TlsOptions;
  /**
   * `stateful`: in a session, files of any length, resumed after a lost connection. `stateless`: each
   * file in one request. `auto`: stateful, or stateless if the server has no session to give (S-DEG-1);
   * files that are too large for one request wait for a session then, as long as `retries` allow. `v1`:
   * by version 1 without asking first, since an old server may keep the question as an empty file.
   * @default {"auto"}
   */
  readonly mode?: "auto" | "stateful" | "stateless" | "v1";
  /**
   * The user's key, as `fxfer_<name>_…`: the client proves that it has it, and accepts only a server that has
   * it too. Version 1 is then never used. @default no key
   */
  readonly key?: string;
  /** Ask for a code in every frame of both ends (S-MAC-1); needs a key. @default {false} */
  readonly wantMac?: boolean;
  /** Send by version 1, unconfirmed, if the server speaks nothing newer (S-VER-5); never with TLS. @default {false} */
  readonly allowV1?: boolean;
  /** An earlier session to go on with; see {@linkcode Client.sessionId}. */
  readonly sessionId?: string;
  /** The secret of the earlier session, if it has one. */
  readonly token?: string;
  /** Without a key: ask for a secret, by which the session is resumed, from any address. @default {true} */
  readonly wantToken?: boolean;
  /**
   * What this server has stated at an earlier time, as {@linkcode Client.terms}. If it has the feature `early`,
   * or no session is asked for, `connect` does not wait for the server, and what is sent goes out with it
   * (S-CON-9): `sessionId` and `token` are there with the event `connected`, and what refuses the connect
   * rejects what was sent. Terms that have changed cost one more connection. Without effect with a key,
   * `sessionId` or `allowV1`.
   * @default the client waits for the server's own terms
   */
  readonly knownTerms?: Terms;
  /** Close the earlier session and start a new one (S-CON-3). @default {false} */
  readonly clean?: boolean;
  /**
   * Servers, as `host:port`, to which the client may follow its session, three in a row at most. They
   * never get its token: the session has another secret on each server. @default {[]}
   */
  readonly trustedServers?: readonly string[];
  /** Tries in a row without progress after which sending fails, 0 or more. @default {8} */
  readonly retries?: number;
  /** The pauses between tries. */
  readonly backoff?: Partial<Backoff>;
  /** Keep-alive to ask for, in whole seconds; the server decides. */
  readonly keepaliveS?: number;
  /** Session expiry to ask for, in whole seconds; the server decides. */
  readonly sessionExpiryS?: number;
  /** Bytes of payload a second at most, above 0, over all files, both ways; undefined for no limit. */
  readonly limitRate?: number;
  /** Ends the client at once: sends reject with `interrupted`, the session stays resumable. */
  readonly signal?: AbortSignal;
  /** Called with each event, in order; it must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Gets every event, at level debug. @default {silentLogger} */
  readonly log?: Logger;
  /** Milliseconds that only go up, for tests. @default {performance.now} */
  readonly now?: () => number;
  /** 0 to 1, for tests. @default {Math.random} */
  readonly random?: () => number;
}

/** The pauses between tries, in milliseconds.
 * @category Client */
export interface Backoff {
  /** The longest first pause, above 0. @default {200} */
  readonly initialMs: number;
  /** The longest pause, at least `initialMs`. @default {10000} */
  readonly maxMs: number;
}

/** What a client reports while it works. Durations are in milliseconds, offsets in bytes.
 * @category Client */
export type ClientEvent =
  /**
   * Requests can be sent; `resumed` says that the session is an earlier one. If the server has a part of a
   * file there, `openUploadId` names it: the part is dropped when another file is sent first. `roundTripMs`
   * is how long the server took to answer the connect; absent with version 1.
   */
  | {
    readonly type: "connected";
    readonly mode: "stateful" | "stateless" | "v1";
    readonly sessionId: string | null;
    readonly resumed: boolean;
    readonly openUploadId?: string;
    readonly roundTripMs?: number;
  }
  /** The server has no session to give: files are sent without one (S-DEG-1). */
  | { readonly type: "degraded"; readonly reason: string }
  /** The connection was lost or could not be made; another try follows unless this was the last. */
  | { readonly type: "connection_lost"; readonly error: FxferError }
  /** The pause before the next try, and why; `attempt` counts tries without progress from 1. */
  | {
    readonly type: "retrying";
    readonly attempt: number;
    readonly delayMs: number;
    readonly code: Code;
    readonly error: FxferError;
  }
  /** The session has moved to another trusted server, `address` as `host:port`: the client follows. */
  | { readonly type: "moved"; readonly address: string }
  /** A file goes on from the offset that the server has (S-CON-2). */
  | { readonly type: "resumed"; readonly uploadId: string; readonly offset: number }
  /** A file grew while it was sent: the `size` bytes that it had when it was opened are sent. */
  | { readonly type: "grown"; readonly uploadId: string; readonly size: number }
  /** The session ended on the server's side; unfinished files start over in a new one. */
  | { readonly type: "session_lost"; readonly sessionId: string; readonly code: Code }
  /** The server sent a notice: it closes the connection. */
  | { readonly type: "notice"; readonly code: Code; readonly retryAfterMs: number | undefined }
  /** A frame was refused and is sent again after a pause, or from another offset. */
  | {
    readonly type: "refused";
    readonly uploadId: string;
    readonly code: Code;
    readonly retryAfterMs: number | undefined;
  };

/** How far a file is, in bytes.
 * @category Client */
export interface Progress {
  /** Bytes handed to the network; fewer than before when a part has to be sent again. */
  readonly sent: number;
  /** Bytes that the server has answered. */
  readonly acked: number;
  /** The whole file; undefined while unknown. */
  readonly total: number | undefined;
}

/** How one file is sent.
 * @category Client */
export interface SendOptions {
  /** Its name, with folders before it (S-NAM-1); an older server gets the last 255 bytes of components. */
  readonly name?: string;
  /** When the file was last changed, in milliseconds since 1970. */
  readonly mtimeMs?: number;
  /** Whether the file may be run. @default {false} */
  readonly executable?: boolean;
  /** Store nothing if another file has the name: `send` rejects with `name_taken` (S-NAM-3). */
  readonly onClash?: "refuse";
  /** `type/subtype`. @default {"application/octet-stream"} */
  readonly mimeType?: string;
  /** A UUID that names this upload across retries and sessions (S-TRF-9). @default a random one */
  readonly uploadId?: string;
  /** The SHA-256 the file must have, 64 lower-case hex digits; the server checks it too. */
  readonly sha256?: string;
  /** Called for each part sent and each answer; it must not throw. */
  readonly onProgress?: (progress: Progress) => void;
  /** Gives this file up: `send` rejects with `interrupted`, other files go on. */
  readonly signal?: AbortSignal;
}

/** The result of a `send`.
 * @category Client */
export interface SendResult {
  /** The stored file as the server names it; undefined from a version 1 server. */
  readonly file: FileInfo | undefined;
  /** Whether the server said that it is stored; false with version 1. */
  readonly confirmed: boolean;
  /** Whether the file had been stored by an earlier try, whose reply was lost. */
  readonly replayed: boolean;
  /** Whether the server had a file of this name with the same bytes, and so stored nothing (S-NAM-3). */
  readonly existing: boolean;
  /** What the confirmation survives: `process`, `data` or `durable` (S-TRF-7); absent if not said. */
  readonly durability?: string;
  /** SHA-256 of the bytes, computed here while they were sent. */
  readonly sha256: string;
  /** How often the file, or a part of it, was sent: 1 or more. */
  readonly attempts: number;
  /** The offsets at which the file went on after a lost connection. */
  readonly resumedFrom: readonly number[];
}

/**
 * A connected client. Disposing it leaves the session on the server, to be resumed with
 * {@linkcode Client.sessionId} and {@linkcode Client.token}; `disconnect` ends it.
 * @category Client
 */
export interface Client extends AsyncDisposable {
  /** How files are sent now. A client that asked for `auto` may change between the first two. */
  readonly mode: "stateful" | "stateless" | "v1";
  /** The session's id; null without a session. */
  readonly sessionId: string | null;
  /** The session's secret, if it has one, for the server at {@linkcode Client.address} and no other. */
  readonly token: string | undefined;
  /** The server that has the session now; another than at first if the session has moved. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** The server's terms; undefined where none were stated. */
  readonly terms: Terms | undefined;
  /**
   * Sends one file. Calls may overlap: files go in call order over the one connection.
   *
   * @throws {FxferError} The server's code when it refused; `connection_lost` or the last `retry`
   * code when tries are used up; `checksum_mismatch`, `source_changed`, `local_io`, `interrupted`.
   */
  send(source: SourceInput, options?: SendOptions): Promise<SendResult>;
  /**
   * Whether so many files wait for their turn that another one makes nothing faster, and only takes memory: a
   * program with many files then waits for {@linkcode Client.ready}.
   */
  readonly busy: boolean;
  /** Waits until few of the files given to `send` wait for their turn. Never rejects. */
  ready(): Promise<void>;
  /**
   * Lists stored files, page by page while they are read. A file that is there all the time comes once.
   *
   * @throws {FxferError} `unsupported_feature` if the server does not offer it, and as `send`.
   */
  list(query?: ListOptions): AsyncIterable<FileInfo>;
  /**
   * Fetches one file. Calls may overlap; after a lost connection the fetch goes on where it was.
   *
   * @throws {FxferError} `not_found`; `checksum_mismatch` if the bytes are not those of the file, or it is
   * another file than was wanted; `unsupported_feature`, `local_io` by the sink, and as `send`.
   */
  fetch(file: StoredName, sink: FetchSink, options?: FetchOptions): Promise<FetchResult>;
  /** What the server has under a path or name, without its bytes; undefined if nothing. Throws as `fetch`. */
  stored(file: StoredName): Promise<FileInfo | undefined>;
  /**
   * Removes a file by its path; in a session exactly once, whatever is lost on the way.
   *
   * @throws {FxferError} `not_found`, `forbidden`, `unsupported_feature`, and as `send`.
   */
  remove(path: string): Promise<RemoveResult>;
  /**
   * Waits for the files under way, then ends the session (S-DIS-1) and closes.
   *
   * @returns The totals; undefined without a session.
   * @throws {FxferError} As `send`.
   */
  disconnect(): Promise<SessionTotals | undefined>;
  /** Closes at once; files under way reject with `interrupted`. */
  close(): void;
}
