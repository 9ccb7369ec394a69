/**
 * The interface for programs: what can be asked, and what is answered. The description that is served at
 * /api/v1/openapi.json is made of this table (openapi.ts).
 *
 * To add a route: a row here, its schema in schemas.ts; the tests call every row, and hold what it answers
 * against its schema.
 *
 * @module
 */
import { type HttpAnswer, HttpFault, type HttpRequest } from "../admin/mod.ts";
import { settingOf, SETTINGS } from "../config/mod.ts";
import { FxferError } from "../errors.ts";
import { revokeSession } from "../handler/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Access } from "./access.ts";
import type { Feed } from "./feed.ts";
import type { Overview } from "./overview.ts";
import type { Plant } from "./plant.ts";
import type { Schema } from "./schemas.ts";
import { detailsOf, findSession, listSessions, SHOWN } from "./sessions.ts";

/** The parts of a door that its routes work with. */
export interface DoorParts {
  readonly plant: Plant;
  readonly access: Access;
  readonly feed: Feed;
  readonly overview: Overview;
}

/** One call of a route. */
export interface Call extends DoorParts {
  readonly request: HttpRequest;
  /** The parts of the path that the route leaves open, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Tells in the log that an operator has changed something. */
  tell(what: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** A value in the query. */
export interface Parameter {
  readonly about: string;
  readonly schema: Schema;
}

/** One row of the interface. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With the open parts in braces; the last one may have slashes if it ends in `*`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, Parameter>>;
  /** The schema of the body, which is JSON. */
  readonly body?: string;
  /** The schema of the answer; absent for an answer that is not JSON, or that has no body. */
  readonly answer?: string;
  /** The media type of an answer that is not JSON. */
  readonly media?: string;
  /** @default 200 */
  readonly status?: number;
  /** Statuses of refusals besides those that every route may have. */
  readonly refusals?: readonly number[];
  /** Whether it is served without a token. */
  readonly open?: true;
  readonly run: (call: Call) => HttpAnswer | Promise<HttpAnswer>;
}

/** An answer in JSON. */
export function json(
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): HttpAnswer {
  const body = JSON.stringify(value) + "\n";
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

function storeOf({ plant: { store } }: Call): SessionStore {
  if (store === undefined) throw new HttpFault(404, "this server keeps no sessions");
  return store;
}

/** The body of a request, which is one JSON object. */
function objectOf({ body, headers }: HttpRequest): Readonly<Record<string, unknown>> {
  // A form of another site cannot send this type without asking first.
  if (!/^application\/json\b/i.test(headers.get("content-type") ?? "")) {
    throw new HttpFault(415, "the body must be application/json");
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new HttpFault(400, "the body is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpFault(400, "the body must be a JSON object");
  }
  return value as Record<string, unknown>;
}

/** A whole number of the query, within its bounds. */
export function numberIn(
  query: URLSearchParams,
  name: string,
  [min, max, standard]: [number, number, number],
): number {
  const text = query.get(name);
  if (text === null) return standard;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new HttpFault(400, `${name} must be ${min} to ${max}`);
}

const LIMIT: Parameter = {
  about: "How many at most",
  schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
};
const AFTER: Parameter = {
  about: "What `next` of the page before said",
  schema: { type: "string" },
};

export const ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/api/v1/login",
    summary: "Whether a token must be shown",
    answer: "Login",
    open: true,
    run: ({ access, plant: { version } }) => json({ needed: access.needsToken, version }),
  },
  {
    method: "POST",
    path: "/api/v1/login",
    summary: "Log a browser in: the token is shown once, and a cookie takes its place",
    body: "Changes",
    status: 204,
    refusals: [429],
    open: true,
    run({ access, request }) {
      const { token } = objectOf(request);
      if (typeof token !== "string") throw new HttpFault(400, "token is missing");
      return { status: 204, headers: { "set-cookie": access.logIn(request, token) } };
    },
  },
  {
    method: "DELETE",
    path: "/api/v1/login",
    summary: "Log a browser out",
    status: 204,
    run: ({ access, request }) => ({
      status: 204,
      headers: { "set-cookie": access.logOut(request) },
    }),
  },
  {
    method: "GET",
    path: "/api/v1/overview",
    summary: "What the server does now, and did in the last hour",
    answer: "Overview",
    run: async ({ overview }) => json(await overview.read()),
  },
  {
    method: "GET",
    path: "/api/v1/sessions",
    summary: "Sessions, in the order of their ids, of all servers that share the store",
    query: {
      state: { about: "Only those in this state", schema: { type: "string" } },
      address: { about: "Only those of this client address", schema: { type: "string" } },
      ended: { about: "`1`: ended sessions as well", schema: { type: "string", enum: ["1"] } },
      after: AFTER,
      limit: LIMIT,
    },
    answer: "Sessions",
    refusals: [404],
    async run(call) {
      const { query } = call.request;
      const limit = numberIn(query, "limit", [1, 1000, 100]);
      return json(
        await listSessions(storeOf(call), await call.overview.now(), {
          state: query.get("state") ?? undefined,
          address: query.get("address") ?? undefined,
          ended: query.get("ended") === "1",
          after: query.get("after") ?? "",
          limit,
        }),
      );
    },
  },
  {
    method: "GET",
    path: "/api/v1/sessions/{id}",
    summary: "One session, with the replies that it keeps for retries",
    answer: "SessionDetails",
    refusals: [404, 409],
    async run(call) {
      const record = await findSession(storeOf(call), call.params.id!);
      return json(detailsOf(record, await call.overview.now()));
    },
  },
  {
    method: "DELETE",
    path: "/api/v1/sessions/{id}",
    summary: "Revoke a session: its client is told session_revoked, wherever it is connected",
    answer: "SessionDetails",
    refusals: [404, 409],
    async run(call) {
      const { plant: { storage, events } } = call;
      const store = storeOf(call);
      const { id } = await findSession(store, call.params.id!);
      const ended = await revokeSession({ store, storage, events }, id);
      call.tell("session.revoke", { session: id.slice(0, SHOWN) });
      return json(detailsOf(ended, await call.overview.now()));
    },
  },
  {
    method: "GET",
    path: "/api/v1/settings",
    summary: "Every setting with its value and what it means",
    answer: "Settings",
    run({ plant: { settings } }) {
      const rows = [...SETTINGS].map(([path, { kind, default: standard, about, more, live }]) => ({
        path,
        value: kind.secret ? "***" : settingOf(settings.current, path),
        default: standard,
        values: kind.brief,
        about: [about, ...more ?? []].map((sentence) => `${sentence}.`).join(" "),
        live: live === true,
      }));
      return json({ settings: rows });
    },
  },
  {
    method: "PATCH",
    path: "/api/v1/settings",
    summary: "Change settings until the next reload or restart, all or none",
    body: "Changes",
    answer: "Changed",
    refusals: [422],
    async run(call) {
      const changes = objectOf(call.request);
      const changed = await call.plant.settings.patch(changes);
      call.tell("settings.change", { changed: changed.join(",") });
      return json({ changed });
    },
  },
  {
    method: "POST",
    path: "/api/v1/drain",
    summary: "Stop the server gracefully: uploads under way get server.drain_timeout",
    answer: "Draining",
    status: 202,
    run(call) {
      objectOf(call.request);
      call.tell("drain");
      call.plant.drain();
      return json({ draining: true }, 202);
    },
  },
  {
    method: "GET",
    path: "/api/v1/events",
    summary: "Events as they happen, as server-sent events; Last-Event-ID goes on after a cut",
    query: {
      session: { about: "Only those of this session", schema: { type: "string" } },
      types: {
        about: "Only these, between commas; `session` is all of them",
        schema: { type: "string" },
      },
      after: { about: "The number to go on after, as Last-Event-ID", schema: { type: "integer" } },
    },
    media: "text/event-stream",
    refusals: [503],
    run({ feed, request: { query, headers } }) {
      const told = headers.get("last-event-id") ?? query.get("after") ?? "";
      const after = /^\d{1,16}$/.test(told) ? Number(told) : undefined;
      const types = (query.get("types") ?? "").split(",").filter((type) => type !== "");
      const session = query.get("session")?.slice(0, SHOWN);
      return {
        status: 200,
        headers: { "content-type": "text/event-stream; charset=utf-8" },
        body: feed.stream({ session, types }, after),
      };
    },
  },
];

/** The refusal that an error of the server's parts becomes. */
export function faultOf(error: unknown): HttpFault | undefined {
  if (error instanceof HttpFault) return error;
  if (!(error instanceof FxferError)) return undefined;
  const { code, message, fields: { faults } } = error;
  const status = STATUSES[code] ?? 500;
  return new HttpFault(status, message, {}, { code, ...(faults !== undefined && { faults }) });
}

const STATUSES: Readonly<Partial<Record<FxferError["code"], number>>> = {
  session_unknown: 404,
  session_expired: 409,
  use_another_server: 409,
  store_unavailable: 503,
  storage_full: 503,
  config_invalid: 422,
};
