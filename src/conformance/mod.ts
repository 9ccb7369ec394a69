/**
 * Checks of the rules that can be seen from outside, to hold any server or client against the contract
 * of the protocol and session folders.
 *
 * This folder writes and reads frames by itself and imports nothing of fxfer's own codec. If both
 * ends used one codec, a mistake in it would not show.
 *
 * @module
 */
export { Broken, type Check, NotOffered, type ServerUnderTest } from "./check.ts";
export { CLIENT_CHECKS, type ClientCheck, type ClientUnderTest } from "./client_checks.ts";
export { FILE_CHECKS } from "./file_checks.ts";
export { FRAME_CHECKS } from "./frame_checks.ts";
export { keyChecks, type KeyUnderTest } from "./key_checks.ts";
export { ProbeClient } from "./probe_client.ts";
export { SESSION_CHECKS } from "./session_checks.ts";
