/**
 * The one table of settings: path, kind, default, documentation. {@linkcode Config} and this table
 * are checked against each other by the compiler; faults, `--set`, the defaults and the check of
 * config.yaml all come from here.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { parseNetwork } from "../address.ts";
import { bytes, choice, integer, type Kind, list, offOr, orWord, seconds, text } from "./kinds.ts";
import { parseRedisUrl } from "./redis_url.ts";

/** One setting. */
export interface Setting<T = unknown> {
  /** How it is read. */
  readonly kind: Kind<T>;
  /** Its value when nothing sets it. */
  readonly default: T;
  /** One line for people. */
  readonly doc: string;
}

/** A group of settings; a switchable one may stand as `off` (or `on`: its defaults) instead. */
export interface Section<T = Record<string, unknown>> {
  /** Whether `off` may stand for the whole. */
  readonly switchable: boolean;
  /** One line for people. */
  readonly doc: string;
  /** What is in it, by key. */
  readonly entries: { readonly [K in keyof T]-?: Entry<T[K]> };
}

/** A setting for a plain value or a list, a section for a mapping. */
export type Entry<T> = [Extract<T, object>] extends [never] ? Setting<T>
  : T extends readonly unknown[] ? Setting<T>
  : Section<Extract<T, object>>;

/** Either of them, when the schema is walked without knowing its keys. */
export type AnyEntry = Setting | AnySection;

/** A section whose keys are not known to the compiler. */
export interface AnySection {
  /** Whether `off` may stand for the whole. */
  readonly switchable: boolean;
  /** One line for people. */
  readonly doc: string;
  /** What is in it, by key. */
  readonly entries: Readonly<Record<string, AnyEntry>>;
}

const setting = <T>(kind: Kind<T>, value: NoInfer<T>, doc: string): Setting<T> => ({
  kind,
  default: value,
  doc,
});

const section = <T>(
  doc: string,
  entries: Section<T>["entries"],
  switchable = false,
): Section<T> => ({
  switchable,
  doc,
  entries,
});

/** A zero timeout would end everything at once; a hundredth of a second is enough for tests. */
const SHORTEST = 0.01;
/** A day: longer is a mistaken unit. */
const DAY = 86_400;
/** Timers hold 2^31-1 milliseconds, 24.8 days: beyond that they fire at once. */
const LONGEST = 2_000_000;

const host = text(
  "an IP address or a host name",
  (value) => /^[A-Za-z0-9._:%-]{1,253}$/.test(value),
);
const path = text("a folder", (value) => value.trim() !== "" && !value.includes("\0"));
const fileName = text(
  "a plain file name of letters, digits, dot, dash and underscore",
  (value) => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(value),
);
const network = text(
  "an IP address or a network as 10.0.0.0/8",
  (value) => parseNetwork(value) !== undefined,
);
const redisUrl = text(
  "a redis, redis+cluster or redis+sentinel URL, or one of these with rediss",
  (value) => parseRedisUrl(value) !== undefined,
  { secret: true },
);

/** Every setting, in the order of config.yaml. */
export const SCHEMA: Section<Config> = section<Config>("fxfer's configuration", {
  server: section("Where and how the server listens", {
    host: setting(host, "127.0.0.1", "Address to listen on"),
    port: setting(integer(0, 65535), 65432, "TCP port; 0 picks a free one"),
    mode: setting(
      choice("stateless", "stateful", "dual"),
      "dual",
      "Requests served: without sessions, with sessions, or both",
    ),
    workers: setting(
      orWord("auto", integer(1, 64)),
      1,
      "Threads that serve the port together; auto is one for each core",
    ),
    max_connections: setting(integer(1, 100_000), 100, "Connections open at once"),
    drain_timeout: setting(seconds(0, DAY), 10, "Time for a payload under way after SIGTERM"),
    handshake_timeout: setting(seconds(SHORTEST, DAY), 10, "From accept to the first whole header"),
    header_timeout: setting(seconds(SHORTEST, DAY), 10, "From a header's first byte to its end"),
    proxy_protocol: setting(
      choice("off", "v1", "v2", "any"),
      "off",
      "PROXY protocol versions taken from the addresses of proxy_allow",
    ),
    proxy_allow: setting(
      list(network, "[127.0.0.1, 10.0.0.0/8]"),
      [],
      "Proxies that must say whose connections they forward",
    ),
    degrade_above: section("Where new sessions give way to stateless service; 0 for never", {
      sessions: setting(integer(0, 10_000_000), 0, "Sessions alive"),
      event_loop_delay_ms: setting(integer(0, 60_000), 0, "Lateness of the event loop"),
    }),
    health_port: setting(
      offOr(integer(0, 65535)),
      "off",
      "TCP port for /healthz and /readyz by HTTP; 0 picks a free one",
    ),
  }),
  stateful: section("Sessions", {
    session_timeout: setting(
      seconds(SHORTEST, LONGEST),
      300,
      "How long a session outlives its connection",
    ),
    max_sessions: setting(integer(1, 10_000_000), 50, "Sessions alive at once"),
    persistence: setting(
      choice("memory", "sqlite", "redis"),
      "memory",
      "Where sessions are remembered",
    ),
    keepalive: setting(
      seconds(SHORTEST, DAY),
      30,
      "Keep-alive; a connection silent for one and a half times this is closed",
    ),
    max_inflight: setting(
      integer(1, 1024),
      16,
      "Requests a client may have unanswered, and replies a session keeps",
    ),
    max_upload_size: setting(bytes(0), 0, "One file in several frames; 0 for no limit"),
    redis_url: setting(
      redisUrl,
      "redis://127.0.0.1:6379",
      "Redis, Redis Cluster or Sentinel for persistence: redis",
    ),
    sqlite_file: setting(
      fileName,
      "sessions.db",
      "Database inside storage for persistence: sqlite",
    ),
  }),
  stateless: section("Requests outside sessions", {
    request_timeout: setting(
      seconds(SHORTEST, DAY),
      30,
      "Time without a payload byte before a request counts as stalled",
    ),
    max_request_size: setting(bytes(1), 10_485_760, "One request's payload"),
  }),
  storage: section("Where received files go", {
    path: setting(path, "./storage", "Folder for received files"),
    naming: setting(
      choice("session_aware", "simple"),
      "session_aware",
      "A folder for each session, or received_<random>.<ext> for all",
    ),
    durability: setting(
      choice("process", "data", "durable"),
      "process",
      "What an ok survives: the process's death, a power cut (contents), a power cut (all)",
    ),
    budget: setting(bytes(0), 0, "Bytes storage may hold; 0 for no limit"),
  }),
  limits: section("What one client may use up", {
    rate: section("For each client address; off for none", {
      connections_per_second: setting(integer(1, 1_000_000), 200, "Connections a second"),
      sessions_per_minute: setting(integer(1, 1_000_000), 600, "Sessions created a minute"),
    }, true),
    min_rate: setting(
      bytes(0),
      1024,
      "Bytes a second a payload must reach over 30 s; 0 for no minimum",
    ),
    session_quota: setting(bytes(0), 0, "Bytes one session may store; 0 for no limit"),
  }),
  security: section("Who may come back to a session", {
    ip_binding: setting(
      choice("strict", "prefix", "off"),
      "strict",
      "Address that may attach again without a token: the same, the same /24 or /64, any",
    ),
  }),
  versions: section("The older protocol version", {
    v1: setting(choice("on", "off"), "on", "Whether version 1 clients are served"),
    v1_ack: setting(
      choice("eof", "each", "never"),
      "eof",
      "When version 1 clients are answered: at the end, after each file (lossy), never",
    ),
  }),
  logging: section("What is logged", {
    level: setting(choice("debug", "info", "warn", "error"), "info", "Least grave events shown"),
    format: setting(choice("text", "json"), "text", "Lines for people, or one JSON object a line"),
  }),
});

/** Whether an entry is a group. */
export function isSection(entry: AnyEntry): entry is AnySection {
  return "entries" in entry;
}

function* leaves(entries: AnySection["entries"], prefix: string): Generator<[string, Setting]> {
  for (const [key, entry] of Object.entries(entries)) {
    if (isSection(entry)) yield* leaves(entry.entries, `${prefix}${key}.`);
    else yield [prefix + key, entry];
  }
}

/** Every setting by its path: `server.port`, `limits.rate.sessions_per_minute` … */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  leaves((SCHEMA as AnySection).entries, ""),
);
