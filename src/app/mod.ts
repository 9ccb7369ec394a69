/**
 * From a checked configuration to a running server: opens the storage and the session store, listens,
 * announces where, and lets several workers serve one port. The commands of cli/ call it.
 *
 * @module
 */
export { Certificate } from "./certificate.ts";
export { keepServing } from "./guard.ts";
export { accessFacts, keyringOf, KeySource, mustBeMeant } from "./keys.ts";
export { askBefore, openHooks } from "./hooks.ts";
export { liveKeys } from "./live_keys.ts";
export { announce, listen, listenForHealth, listenToServe } from "./listening.ts";
export { maskAddresses } from "./log_addresses.ts";
export { freeSpace, openDoor, readMoveKey, readToken, wantsDoor } from "./operators.ts";
export { RunningSettings } from "./running_settings.ts";
export { keepPolicy } from "./keeping.ts";
export { openBeside, openParts, openSessions, type Sessions } from "./parts.ts";
export { serveOptions } from "./serve_options.ts";
export { spareMemory } from "./spare_memory.ts";
export { settle, type SettledConfig, stateFolder } from "./persistence.ts";
export { serveWorkers, workerCount } from "./workers/parent.ts";
