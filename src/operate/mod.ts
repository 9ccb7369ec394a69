/**
 * For who runs a server for others: one door by HTTP, with metrics, an interface for programs and a console
 * in the browser. It listens to events, and counts at the contracts of handler, storage and store; with the
 * door closed, none of this is loaded.
 *
 *     server thread: handler, storage, store -> tally.ts (plain numbers)     one for each worker
 *     main thread:   door.ts -> access.ts (who may) -> routes.ts (what can be asked)
 *                            -> metrics.ts (the numbers of all workers as text)
 *                            -> feed.ts (events as a stream), overview.ts (the last hour)
 *
 * - S-ADM-1 An operator may end a session. Its epoch goes up, so its holder saves nothing more; the client
 *   is told `session_revoked` within 1 s, wherever it is connected, and again whenever it presents the
 *   session, until the tombstone runs out.
 * - S-ADM-2 The door answers only under an address, localhost or a configured name, and no page of another
 *   origin. Off loopback it is opened only with a token; wrong ones are refused, ten at once and then six a
 *   minute for each address. What an operator changes is logged.
 * - S-ADM-3 Settings change as a whole or not at all. A session that exists goes on to its end in every
 *   mode; a new one is answered by the mode of that moment.
 * - S-ADM-4 An operator may move a session to a server with another store, as `fxfer session export` does:
 *   from the answer on, this server sends its client there. The answer is the sealed session, for
 *   `fxfer session import`; who asks again gets it again. A server without `admin.move_key_file` moves none.
 *
 * ## Decisions, and what was not chosen
 *
 * - Requests are counted in plain numbers, and become metrics when they are asked for: an update of a
 *   counter of prom-client looks its labels up and takes 0.8 µs, three of them for each request would be
 *   5 % of a small upload; the tally takes 0.2. prom-client adds up the workers and writes the text.
 * - One HTTP server of its own (src/admin/http.ts) serves probes and operators. `Deno.serve` accepts without
 *   a guard, and takes no listener.
 * - Operators see the first 8 characters of a session's id: with the whole one, a client could attach. Only
 *   a session that moves has it inside, and the server that imports it needs it.
 * - The door hands the sealed session out and connects to no other server: whoever holds its token could
 *   else make it connect anywhere.
 *
 * @module
 */
export { Door, type DoorOptions } from "./door.ts";
export { METRICS } from "./metrics.ts";
export { describeRoutes } from "./openapi.ts";
export type { KeyView, LiveKeys, LiveSettings, Plant } from "./plant.ts";
export type { Route } from "./route.ts";
export { ROUTES } from "./routes.ts";
export { type Sample, Tally } from "./tally.ts";
export { counted } from "./timing.ts";
