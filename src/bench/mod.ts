/**
 * A load for a server, and the measured result, for `fxfer bench` and `deno task bench`.
 *
 *     scenarios.ts (what to send) -> load.ts (how many connections, in which order, with what result)
 *       -> load_client.ts (one connection) -> frames.ts out, reply_scanner.ts in
 *     table.ts (prints the results)
 *
 * ## Decisions
 *
 * - The load writes and reads the wire by hand and does not import `protocol/` or `client/`. A frame is
 *   ready bytes, and a reply is found by a scan for its length. So the load costs little beside the
 *   server that it measures, and a mistake in the protocol's code cannot hide itself.
 * - Nor does it use the raw client of the conformance kit: that one parses each reply as JSON, which
 *   would cost the load as much time as the server spends on a small request.
 *
 * @module
 */
export { runLoad } from "./load.ts";
export { type Scenario, SCENARIOS, type Shape } from "./scenarios.ts";
export { renderCells, renderTable, type Row, rowOf } from "./table.ts";
export type { LoadPlan, LoadResult, Wire } from "./types.ts";
