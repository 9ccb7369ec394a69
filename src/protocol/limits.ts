/** Every limit of the wire, with its reason. Each is checked before memory is taken. @module */

/** The version this code speaks. */
export const VERSION = "2.0";

/** The versions a refusal names (S-VER-1). */
export const SUPPORTED_VERSIONS: readonly string[] = ["2.0", "1.0"];

/** A v2 header, in bytes before its LF: room for long names, small enough to hold 10,000 of them. */
export const MAX_HEADER_BYTES = 16384;

/** A v1 header: two short fields. */
export const MAX_V1_HEADER_BYTES = 4096;

/** Session data, in bytes: a reply with a full set of terms is under 2 KiB. */
export const MAX_SESSION_DATA_BYTES = 65536;

/** How deep JSON may nest: the deepest defined frame has 3 levels, and recursion must stay bounded. */
export const MAX_NESTING = 8;

/** `type/subtype`, in bytes (RFC 6838 allows 127 for each part; nobody uses it). */
export const MAX_MIME_TYPE_BYTES = 127;

/** A file's name as data, in UTF-8 bytes: what common file systems hold. */
export const MAX_NAME_BYTES = 255;

/** A secret token as text; ours are 43 characters. */
export const MAX_TOKEN_LENGTH = 256;

/** How much of a refused payload is read and thrown away so that its sender can read the reply (S-TRF-8). */
export const MAX_DRAIN_BYTES: number = 64 * 1024 * 1024;

/** For how long, in milliseconds. */
export const MAX_DRAIN_MS = 2000;

/** How many frames a client may have unanswered, and how many replies a session keeps (R of S-SEQ). */
export const DEFAULT_MAX_INFLIGHT = 16;

/** One request's payload, in bytes: config `stateless.max_request_size`. */
export const DEFAULT_MAX_REQUEST_SIZE = 10_485_760;

/** At most this many bytes between two checkpoints (S-TRF-4). */
export const CHECKPOINT_BYTES: number = 8 * 1024 * 1024;

/** At most this long between two checkpoints, in milliseconds (S-TRF-4). */
export const CHECKPOINT_MS = 1000;
