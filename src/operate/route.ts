/** What a route of the interface is, and what all routes share. @module */
import { type HttpAnswer, HttpFault, type HttpRequest } from "../admin/mod.ts";
import { FxferError } from "../errors.ts";
import type { SessionStore } from "../store/mod.ts";
import type { Access } from "./access.ts";
import type { Feed } from "./feed.ts";
import type { Overview } from "./overview.ts";
import type { Plant } from "./plant.ts";
import type { Schema } from "./schemas.ts";

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

export function storeOf({ plant: { store } }: Call): SessionStore {
  if (store === undefined) throw new HttpFault(404, "this server keeps no sessions");
  return store;
}

/** The body of a request, which is one JSON object. */
export function objectOf({ body, headers }: HttpRequest): Readonly<Record<string, unknown>> {
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

/** How many a page has. */
export const LIMIT: Parameter = {
  about: "How many at most",
  schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
};
/** Where a page begins. */
export const AFTER: Parameter = {
  about: "What `next` of the page before said",
  schema: { type: "string" },
};

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
  invalid_field: 400,
};
