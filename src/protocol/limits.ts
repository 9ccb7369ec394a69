/** Every limit of the wire, with its reason. Each limit is checked before memory is taken. @module */

/** The version that this code speaks. */
export const VERSION = "2.1";

/** The version of a frame that is sent before the peer has said which one it speaks. */
export const FIRST_VERSION = "2.0";

/** The versions that a refusal of another version names (S-VER-1). */
export const SUPPORTED_VERSIONS: readonly string[] = ["2.1", "2.0", "1.0"];

/** The longest v2 header, in bytes before its LF: small enough to hold 10,000 of them in memory. */
export const MAX_HEADER_BYTES = 16384;

/** The longest v1 header, in bytes before its LF: it has two short fields. */
export const MAX_V1_HEADER_BYTES = 4096;

/** The longest session data, in bytes. A reply with all the server's terms is under 2 KiB. */
export const MAX_SESSION_DATA_BYTES = 65536;

/** How deep JSON may nest: the deepest known frame has 3 levels, and recursion must stay bounded. */
export const MAX_NESTING = 8;

/** The longest `type/subtype`, in bytes. RFC 6838 allows 127 for each half, and no real type needs that. */
export const MAX_MIME_TYPE_BYTES = 127;

/** The longest component of a file's name, in UTF-8 bytes: common file systems hold no longer one. */
export const MAX_COMPONENT_BYTES = 255;

/** The longest file name with its folders, in UTF-8 bytes: as long as Linux lets a path be (S-NAM-1). */
export const MAX_NAME_BYTES = 4096;

/** How many folders deep a name may be, the file itself counted (S-NAM-1). */
export const MAX_NAME_COMPONENTS = 64;

/** The longest path of a stored file, in characters: each byte of a name may become three on disk. */
export const MAX_PATH_LENGTH = 16384;

/** The longest `after` of a list, in characters: it has to hold a name. */
export const MAX_CURSOR_LENGTH = 8192;

/** The most files in one page of a list; the page must fit into session data besides (S-LST-1). */
export const MAX_LIST_LIMIT = 1000;

/** The files in a page of a list for which no `limit` is asked (S-LST-1). */
export const DEFAULT_LIST_LIMIT = 100;

/** The length of a message authentication code, in characters: 32 bytes in base64url (S-KEY-2). */
export const MAC_CHARACTERS = 43;

/** The longest secret, in characters. The secrets of this project have 43. */
export const MAX_TOKEN_LENGTH = 256;

/** How many bytes of a refused payload are read away, so that its sender can read the reply (S-TRF-8). */
export const MAX_DRAIN_BYTES: number = 64 * 1024 * 1024;

/** For how long a refused payload is read away, in milliseconds (S-TRF-8). */
export const MAX_DRAIN_MS = 2000;

/** How many requests a client may have unanswered, and how many replies a session keeps (S-CON-6). */
export const DEFAULT_MAX_INFLIGHT = 256;

/** How many bytes of payload a client may have unanswered at every server, in bytes (S-SEQ-6). */
export const UNANSWERED_BYTES: number = 8 * 1024 * 1024;

/** How many a server offers to a client that is far away: setting `stateful.max_unanswered_bytes`. */
export const DEFAULT_MAX_UNANSWERED_BYTES: number = 64 * 1024 * 1024;

/** The most a client sends behind a connect whose reply it has not read, in bytes with all heads (S-CON-9). */
export const MAX_EARLY_BYTES: number = 1024 * 1024;

/** The largest payload of one request, in bytes: setting `stateless.max_request_size`. */
export const DEFAULT_MAX_REQUEST_SIZE = 10_485_760;

/** The most bytes between two checkpoints (S-TRF-4). */
export const CHECKPOINT_BYTES: number = 8 * 1024 * 1024;

/** The longest time between two checkpoints, in milliseconds (S-TRF-4). */
export const CHECKPOINT_MS = 1000;
