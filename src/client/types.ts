/** What a program gives to the client and gets from it. @module */
import type { Logger } from "../log.ts";
import type { FileInfo } from "../protocol/mod.ts";
import type { ClientEvent } from "./events.ts";
import type { Backoff } from "./retry.ts";

/**
 * Bytes that can be read again from any offset: what makes a file resumable at no cost in memory.
 *
 * The client reads at rising offsets, one read at a time, and starts again at an earlier offset
 * after a lost connection. An implementer must return the same bytes for the same offset, or say so
 * through {@linkcode Source.changed}.
 */
export interface Source {
  /** Bytes in all; undefined while unknown (then it is read to its end, once). */
  readonly size: number | undefined;
  /**
   * Reads at most `into.length` bytes.
   *
   * @param offset Where in the source, in bytes from its start.
   * @returns How many bytes were read, at least 1; null at the end.
   */
  read(into: Uint8Array, offset: number): Promise<number | null>;
  /** Whether the bytes are no longer those of the first read; absent means never. */
  changed?(): Promise<boolean>;
  /** Bytes that are in memory already: spares a copy. The caller only reads them. */
  view?(offset: number, length: number): Uint8Array;
  /** Called when a send is over, whatever came of it; a later read may open it again. */
  close?(): void;
}

/** What can be sent. A stream cannot be read twice: its unanswered bytes are kept, at most 16 MiB. */
export type SourceInput = Uint8Array | Blob | ReadableStream<Uint8Array> | Source;

/** How a client connects. */
export interface ConnectOptions {
  /** The server's name or address. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** 1 to 65535. @default {65432} */
  readonly port?: number;
  /**
   * `stateful`: a session, files of any length, resumed after a cut. `stateless`: one request a
   * file. `auto`: stateful, or stateless where the server has no session to give (S-DEG-1).
   * @default {"auto"}
   */
  readonly mode?: "auto" | "stateful" | "stateless";
  /** Go on in version 1, unconfirmed, if the server speaks nothing newer (S-VER-5). @default {false} */
  readonly allowV1?: boolean;
  /** A session of before, to go on with; see {@linkcode Client.sessionId}. */
  readonly sessionId?: string;
  /** Its secret, if it has one. */
  readonly token?: string;
  /** Ask for a secret, so that the session can be resumed from another address. @default {true} */
  readonly wantToken?: boolean;
  /** Close the session of before and start a new one (S-CON-3). @default {false} */
  readonly clean?: boolean;
  /**
   * Servers, as `host:port`, to which a session may be followed that has moved there, three in a row at
   * most. They never get its token: each has a secret of its own for it. @default {[]}
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
  /** Ends the client at once: sends reject with `interrupted`, the session stays resumable. */
  readonly signal?: AbortSignal;
  /** Told of what happens, in order; it must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Gets every event, at level debug. @default {silentLogger} */
  readonly log?: Logger;
  /** Milliseconds, for tests. @default {Date.now} */
  readonly now?: () => number;
  /** 0 to 1, for tests. @default {Math.random} */
  readonly random?: () => number;
}

/** How far a file is, in bytes. */
export interface Progress {
  /** Handed to the network; goes down when a part has to be sent again. */
  readonly sent: number;
  /** Answered by the server. */
  readonly acked: number;
  /** The whole file; undefined while unknown. */
  readonly total: number | undefined;
}

/** How one file is sent. */
export interface SendOptions {
  /** The file's name, as data for the server: at most 255 bytes of UTF-8. */
  readonly name?: string;
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

/** What became of a file. */
export interface SendResult {
  /** The stored file as the server names it; undefined from a version 1 server. */
  readonly file: FileInfo | undefined;
  /** Whether the server said that it is stored; false with version 1. */
  readonly confirmed: boolean;
  /** Whether the answer was given before: the file had been stored by an earlier try. */
  readonly replayed: boolean;
  /** What the confirmation survives: `process`, `data` or `durable` (S-TRF-7); absent if not said. */
  readonly durability?: string;
  /** SHA-256 of the bytes, computed here while they were sent. */
  readonly sha256: string;
  /** How often (a part of) the file was sent, 1 or more. */
  readonly attempts: number;
  /** The offsets at which it went on after a lost connection. */
  readonly resumedFrom: readonly number[];
}

/** What the server promised at connect (S-CON-6), in its units. */
export interface Terms {
  /** After 1.5 times this without a byte a connection counts as lost, in seconds. */
  readonly keepaliveS: number;
  /** How long the session outlives its connection, in seconds. */
  readonly sessionExpiryS: number;
  /** Requests that may be unanswered at a time. */
  readonly maxInflight: number;
  /** Bytes; `maxUploadSize` 0 means no limit. */
  readonly limits: {
    readonly maxRequestSize: number;
    readonly maxUploadSize: number;
    readonly checkpointBytes: number;
  };
  /** What the server says of itself, by its wire names. */
  readonly server: Readonly<Record<string, unknown>>;
  /** 32 random bytes, base64url; absent if the server gave none. */
  readonly challenge?: string;
}

/** What a session did in all, as the server counted at its end. */
export interface SessionTotals {
  /** Files stored. */
  readonly files: number;
  /** Bytes of those files. */
  readonly bytes: number;
  /** Requests that used up a sequence number. */
  readonly messages: number;
  /** From the session's creation to its end, in milliseconds. */
  readonly durationMs: number;
}

/**
 * A connected client. Disposing it leaves the session on the server, to be resumed with
 * {@linkcode Client.sessionId} and {@linkcode Client.token}; `disconnect` ends it.
 */
export interface Client extends AsyncDisposable {
  /** How files are sent now: `auto` is decided, and may become stateless later. */
  readonly mode: "stateful" | "stateless" | "v1";
  /** The session's id; null without a session. */
  readonly sessionId: string | null;
  /** The session's secret, if it has one: for the server at {@linkcode Client.address} and no other. */
  readonly token: string | undefined;
  /** The server that has the session now: another than was connected to, if it has moved. */
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
   * Waits for the files under way, then ends the session (S-DIS-1) and closes.
   *
   * @returns The totals; undefined without a session.
   * @throws {FxferError} As `send`.
   */
  disconnect(): Promise<SessionTotals | undefined>;
  /** Closes at once; files under way reject with `interrupted`. */
  close(): void;
}
