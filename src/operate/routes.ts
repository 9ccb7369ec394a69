/**
 * The interface for programs: what can be asked, and what is answered. The description that is served at
 * /api/v1/openapi.json is made of this table (openapi.ts).
 *
 * To add a route: a row here, its schema in schemas.ts; the tests call every row, and hold what it answers
 * against its schema.
 *
 * @module
 */
import { HttpFault } from "../admin/mod.ts";
import { formatEndpoint, parseEndpoint } from "../address.ts";
import { settingOf, SETTINGS } from "../config/mod.ts";
import { revokeSession } from "../handler/mod.ts";
import { exportSession } from "../migration/mod.ts";
import { AFTER, json, LIMIT, numberIn, objectOf, type Route, storeOf } from "./route.ts";
import { STORED_ROUTES } from "./stored_routes.ts";
import { detailsOf, findSession, listSessions, SHOWN } from "./sessions.ts";

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
    method: "POST",
    path: "/api/v1/sessions/{id}/move",
    summary: "Move a session to a server with another store, which imports what is answered",
    body: "Move",
    media: "application/octet-stream",
    refusals: [404, 409, 503],
    async run(call) {
      const { plant: { storage, events, moveKey: key, settings }, request, params } = call;
      const { to } = objectOf(request);
      const endpoint = typeof to === "string" ? parseEndpoint(to) : undefined;
      if (endpoint === undefined) throw new HttpFault(400, "to must be host:port");
      if (key === undefined) {
        throw new HttpFault(
          409,
          "the server has no key to move sessions with: admin.move_key_file",
        );
      }
      const store = storeOf(call);
      if (!store.persistent) {
        throw new HttpFault(
          409,
          "sessions in the server's memory cannot move: stateful.persistence",
        );
      }
      const { id } = await findSession(store, params.id!);
      const { blob } = await exportSession({
        ...{ store, storage, key, id, to: formatEndpoint(endpoint) },
        maxInflight: settings.current.stateful.max_inflight,
        onEvent: (event) => events.emit(event),
      });
      call.tell("session.move", { session: id.slice(0, SHOWN), to: formatEndpoint(endpoint) });
      return { status: 200, headers: { "content-type": "application/octet-stream" }, body: blob };
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
        default: kind.secret ? "***" : standard,
        values: kind.brief,
        words: kind.words,
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
  ...STORED_ROUTES,
];
