/** What the answers of the interface look like, as JSON Schema 2020-12. @module */

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const number: Schema = { type: "number" };
const count: Schema = { type: "integer", minimum: 0 };
const yes: Schema = { type: "boolean" };
const time: Schema = { type: "string", format: "date-time" };
const orNull = ({ type, ...rest }: Schema): Schema => ({ type: [type, "null"], ...rest });
const list = (items: Schema): Schema => ({ type: "array", items });
const counts: Schema = { type: "object", additionalProperties: count };

/** An object whose fields are all there, and no others. */
function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  return {
    type: "object",
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

/** Refers to one of {@linkcode SCHEMAS}. */
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const session = {
  id: { ...text, description: "The first 8 characters of the session's id" },
  state: {
    ...text,
    enum: ["Authenticated", "Active", "Detached", "Timeout", "Disconnected", "Cleanup"],
  },
  attached: yes,
  address: text,
  instance: orNull(text),
  created_at: time,
  last_activity_at: time,
  expires_at: orNull(time),
  sequence: { ...count, description: "The last number that ran" },
  epoch: count,
  files: count,
  bytes: count,
  upload: {
    anyOf: [
      { type: "null" },
      object({ name: orNull(text), mime_type: text, offset: count, length: orNull(count) }),
    ],
  },
};

/** The schemas by name. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: {
    type: "object",
    properties: {
      error: text,
      code: text,
      faults: list(object({ path: text, message: text, source: text }, ["source"])),
    },
    required: ["error"],
  },
  Login: object({
    needed: { ...yes, description: "Whether a token must be shown" },
    version: text,
  }),
  Overview: object({
    version: text,
    started_at: time,
    ready: yes,
    reason: orNull(text),
    mode: { ...text, enum: ["stateless", "stateful", "dual"] },
    persistence: orNull(text),
    workers: count,
    totals: object({
      requests: count,
      errors: count,
      bytes: count,
      files: count,
      connections: count,
    }),
    sessions: counts,
    max_sessions: count,
    max_connections: count,
    used_bytes: orNull(count),
    free_bytes: orNull(count),
    budget_bytes: count,
    memory_bytes: count,
    event_loop_delay_ms: number,
    history: {
      type: "object",
      description: "One value each 10 s for the last hour; rates are a second",
      additionalProperties: list(number),
    },
  }),
  Session: object(session),
  SessionDetails: object({
    ...session,
    keepalive_s: number,
    expiry_s: number,
    messages: count,
    has_secret: yes,
    committing: yes,
    moved_to: orNull(text),
    revoked: yes,
    replies: list(object({ sequence: count, code: text })),
  }),
  Sessions: object({ sessions: list(ref("Session")), next: orNull(text) }),
  Setting: object({
    path: text,
    value: {},
    default: {},
    values: { ...text, description: "What the setting takes" },
    words: list(text),
    about: text,
    live: { ...yes, description: "Whether it can change while the server runs" },
  }),
  Settings: object({ settings: list(ref("Setting")) }),
  File: object({
    path: text,
    name: orNull(text),
    size: count,
    sha256: text,
    mime_type: text,
    stored_at: time,
    session: orNull(text),
    user: orNull(text),
  }),
  Files: object({ files: list(ref("File")), next: orNull(text) }),
  Key: object({
    name: text,
    can: list(text),
    quota_bytes: orNull(count),
    quota_files: orNull(count),
    until: orNull(time),
    used_bytes: orNull(count),
    used_files: orNull(count),
  }),
  Hooks: object({
    on: yes,
    waiting: count,
    delivered: count,
    dead: list(object({ id: text, path: text, since: time, tries: count, error: orNull(text) })),
  }),
  Keys: object({ keys: list(ref("Key")) }),
  Revoked: object({ revoked: text }),
  Changes: { type: "object", additionalProperties: true, minProperties: 1 },
  Move: object({
    to: { ...text, description: "The server it goes to: host:port, as clients reach it" },
  }),
  Changed: object({ changed: list(text) }),
  Draining: object({ draining: yes }),
};
