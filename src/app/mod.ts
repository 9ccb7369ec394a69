/**
 * Puts the parts of a server together: opens what a configuration names, listens, and lets several
 * workers serve one port.
 *
 * @module
 */
export { keepServing } from "./guard.ts";
export { announce, listen, listenForHealth } from "./listening.ts";
export { openSessions, serveOptions, type Sessions, wire } from "./parts.ts";
export { serveWorkers, workerCount } from "./workers/parent.ts";
