/**
 * A load for a server, and what came of it: for `fxfer bench` and `deno task bench`.
 *
 * It speaks the wire by hand and not through the folders it measures: frames are ready bytes, replies
 * are found by a scan for their length. So the load stays cheap beside the server, and a mistake of
 * the protocol's code cannot hide itself.
 *
 *     scenarios (what) -> load (lanes) -> peer (a connection) -> frames out, reply_scanner in
 *                                                             -> tally -> table
 *
 * @module
 */
export { runLoad } from "./load.ts";
export { type Scenario, SCENARIOS, type Shape } from "./scenarios.ts";
export { renderCells, renderTable, type Row, rowOf } from "./table.ts";
export type { LoadPlan, LoadResult, Wire } from "./types.ts";
