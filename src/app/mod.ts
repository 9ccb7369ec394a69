/**
 * From a checked configuration to a running server: opens the storage and the session store, listens,
 * announces where, and lets several workers serve one port. The commands of cli/ call it.
 *
 * @module
 */
export { accessFacts, mustBeMeant } from "./access.ts";
export { keepServing } from "./guard.ts";
export { askBefore, openHooks } from "./hooks.ts";
export { liveKeys } from "./live_keys.ts";
export { announce, listen, listenForHealth, listenToServe } from "./listening.ts";
export { maskAddresses } from "./log_addresses.ts";
export { openCertificate, openKeys, serveWorkers } from "./optional.ts";
export { freeSpace, openDoor, readMoveKey, readToken, wantsDoor } from "./operators.ts";
export { RunningSettings } from "./running_settings.ts";
export { keepPolicy } from "./keeping.ts";
export { openBeside, openParts, openSessions, type Sessions } from "./parts.ts";
export { serveOptions } from "./serve_options.ts";
export { spareMemory } from "./spare_memory.ts";
export { settle, type SettledConfig, stateFolder } from "./persistence.ts";
export { workerCount } from "./workers/count.ts";
