/**
 * The configuration as data: every setting with the name it has in config.yaml, its unit, range and
 * default. Whoever holds a {@linkcode Config} holds a checked one.
 *
 * @module
 */

/** From where on new sessions give way to stateless service (S-DEG-1). */
export interface DegradeConfig {
  /**
   * Sessions alive, in all instances that share a store, 0 to 10000000; 0 for never.
   * @default {0}
   */
  readonly sessions: number;
  /**
   * Milliseconds by which the event loop is late, averaged over about a second, 0 to 60000; 0 for
   * never.
   * @default {0}
   */
  readonly event_loop_delay_ms: number;
}

/** Where and how the server listens. */
export interface ServerConfig {
  /**
   * The address to listen on: an IP address or a host name.
   * @default {"127.0.0.1"}
   */
  readonly host: string;
  /**
   * The TCP port, 0 to 65535; 0 picks a free one.
   * @default {65432}
   */
  readonly port: number;
  /**
   * Which requests are served: without sessions, with sessions, or both.
   * @default {"dual"}
   */
  readonly mode: "stateless" | "stateful" | "dual";
  /**
   * Threads that serve the port together, 1 to 64; `"auto"` is as many as the machine has cores. More
   * than one needs Linux, and for sessions a store that they can share.
   * @default {1}
   */
  readonly workers: number | "auto";
  /**
   * Connections open at once, 1 to 100000; one more is told `too_many_connections`.
   * @default {100}
   */
  readonly max_connections: number;
  /**
   * Seconds a payload under way may go on after SIGTERM, 0 to 86400 (S-DRN-1).
   * @default {10}
   */
  readonly drain_timeout: number;
  /**
   * Seconds from accept to the first whole header, 0.01 to 86400.
   * @default {10}
   */
  readonly handshake_timeout: number;
  /**
   * Seconds from a header's first byte to its line feed, 0.01 to 86400.
   * @default {10}
   */
  readonly header_timeout: number;
  /**
   * Which versions of the PROXY protocol are taken; from the addresses of `proxy_allow` a header is
   * then required.
   * @default {"off"}
   */
  readonly proxy_protocol: "off" | "v1" | "v2" | "any";
  /**
   * The proxies, as addresses or networks: what they say of a client's address is believed.
   * @default {[]}
   */
  readonly proxy_allow: readonly string[];
  /** From where on new sessions give way to stateless service (S-DEG-1). */
  readonly degrade_above: DegradeConfig;
  /**
   * The TCP port for `/healthz` and `/readyz` by HTTP, 0 to 65535; 0 picks a free one.
   * @default {"off"}
   */
  readonly health_port: number | "off";
}

/** Sessions: how many, how long, and where they are remembered. */
export interface StatefulConfig {
  /**
   * Seconds a session lives after its connection went away, 0.01 to 2000000; never while attached.
   * @default {300}
   */
  readonly session_timeout: number;
  /**
   * Sessions that are neither expired nor closed, 1 to 10000000.
   * @default {50}
   */
  readonly max_sessions: number;
  /**
   * The session store: in this process, in a file inside storage, or in Redis.
   * @default {"memory"}
   */
  readonly persistence: "memory" | "sqlite" | "redis";
  /**
   * Keep-alive in seconds, 0.01 to 86400: at one and a half times this without a byte, the connection
   * is closed and the session kept.
   * @default {30}
   */
  readonly keepalive: number;
  /**
   * Requests a client may have unanswered, and replies a session keeps, 1 to 1024.
   * @default {16}
   */
  readonly max_inflight: number;
  /**
   * Bytes of one file that comes in several frames; 0 for no limit.
   * @default {0}
   */
  readonly max_upload_size: number;
  /**
   * The Redis server for `persistence: redis`, as redis:// or rediss:// URL. May hold a password, so
   * it is never echoed.
   * @default {"redis://127.0.0.1:6379"}
   */
  readonly redis_url: string;
  /**
   * The database for `persistence: sqlite`: a plain file name inside the storage folder.
   * @default {"sessions.db"}
   */
  readonly sqlite_file: string;
}

/** Requests outside sessions. */
export interface StatelessConfig {
  /**
   * Seconds without a payload byte before a request counts as stalled, 0.01 to 86400; sessions too.
   * @default {30}
   */
  readonly request_timeout: number;
  /**
   * Bytes of one request's payload, 1 or more; a session's larger file comes in several requests.
   * @default {10485760}
   */
  readonly max_request_size: number;
}

/** Where received files go. */
export interface StorageConfig {
  /**
   * The folder for received files; nothing is written outside it.
   * @default {"./storage"}
   */
  readonly path: string;
  /**
   * `session_aware`: a folder for each session; `simple`: `received_<random>.<ext>` for all.
   * @default {"session_aware"}
   */
  readonly naming: "session_aware" | "simple";
  /**
   * What an `ok` survives (S-TRF-7): the death of the process; a power cut, contents only; a power
   * cut, with the folder entry, the manifest and the store.
   * @default {"process"}
   */
  readonly durability: "process" | "data" | "durable";
  /**
   * Bytes storage may hold in all; 0 for no limit.
   * @default {0}
   */
  readonly budget: number;
}

/** How often one client address may come. */
export interface RateConfig {
  /**
   * Connections a second from one address, 1 to 1000000.
   * @default {200}
   */
  readonly connections_per_second: number;
  /**
   * Sessions created a minute from one address, 1 to 1000000.
   * @default {600}
   */
  readonly sessions_per_minute: number;
}

/** What one client may use up. */
export interface LimitsConfig {
  /** Rates for each client address; `"off"` for none. The defaults are {@linkcode RateConfig}'s. */
  readonly rate: RateConfig | "off";
  /**
   * Bytes a second a payload must reach over 30 s, looked at from its 10th second; 0 for no minimum.
   * @default {1024}
   */
  readonly min_rate: number;
  /**
   * Bytes one session may store in all; 0 for no limit.
   * @default {0}
   */
  readonly session_quota: number;
}

/** Who may come back to a session. */
export interface SecurityConfig {
  /**
   * For a session without a token, the address that may attach again (S-CON-5): the same one, the
   * same /24 or /64, or any.
   * @default {"strict"}
   */
  readonly ip_binding: "strict" | "prefix" | "off";
}

/** The older protocol version. */
export interface VersionsConfig {
  /**
   * Whether version 1 clients are served (S-VER-4).
   * @default {"on"}
   */
  readonly v1: "on" | "off";
  /**
   * When version 1 clients get their answers (S-VER-3): all at the end, one after each file (loses
   * files of clients that never read), or never.
   * @default {"eof"}
   */
  readonly v1_ack: "eof" | "each" | "never";
}

/** What is logged. */
export interface LoggingConfig {
  /**
   * The least grave events that are shown.
   * @default {"info"}
   */
  readonly level: "debug" | "info" | "warn" | "error";
  /**
   * Lines for people, or one JSON object a line.
   * @default {"text"}
   */
  readonly format: "text" | "json";
}

/** A checked configuration; the keys are those of config.yaml. */
export interface Config {
  /** Where and how the server listens. */
  readonly server: ServerConfig;
  /** Sessions. */
  readonly stateful: StatefulConfig;
  /** Requests outside sessions. */
  readonly stateless: StatelessConfig;
  /** Where received files go. */
  readonly storage: StorageConfig;
  /** What one client may use up. */
  readonly limits: LimitsConfig;
  /** Who may come back to a session. */
  readonly security: SecurityConfig;
  /** The older protocol version. */
  readonly versions: VersionsConfig;
  /** What is logged. */
  readonly logging: LoggingConfig;
}
