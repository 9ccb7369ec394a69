/**
 * The checkable rules of the wire contract, held against any server. This folder writes and reads
 * frames by itself and imports nothing of fxfer's own codec: a mistake there must not hide itself.
 *
 * @module
 */
export { Broken, type Check, NotOffered, type ServerUnderTest } from "./check.ts";
export { FRAME_CHECKS } from "./frame_checks.ts";
export { ProbeClient } from "./probe_client.ts";
export { SESSION_CHECKS } from "./session_checks.ts";
