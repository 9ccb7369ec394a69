/**
 * `server.workers`: several threads serve one port. Loaded only where more than one is asked for.
 *
 * @module
 */
export { serveWorkers } from "./parent.ts";
export { workerCount } from "./plan.ts";
