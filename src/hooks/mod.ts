/**
 * Tells another program of each stored file: a POST with what the list of stored files says of it, signed
 * by the rules of Standard Webhooks, so that receivers that exist can verify it.
 *
 * - S-HOO-1 Each file that was stored since hooks were switched on is told at least once, also after a kill
 *   at any moment. The outbox is the list of stored files itself; a small state file beside it says which of
 *   them were told. A receiver knows a repetition by `webhook-id`.
 * - S-HOO-2 A receiver that does not answer 2xx within 10 s is asked again, after a second and then at
 *   doubled intervals up to 5 min, until `hooks.give_up_after`. Then the file is a dead letter, which is
 *   logged and listed. At most 10,000 wait in memory; what comes later waits in the list of stored files.
 *
 * ## Decisions, and what was not chosen
 *
 * - No outbox of its own: a second file, written with each stored file, would cost each upload a write, and
 *   a kill between the two writes would still lose a hook.
 * - The receiver is not waited for: an upload is answered when its file is stored.
 * - One of several servers on a folder has hooks switched on. Two would tell each file twice.
 *
 * @module
 */
export { Hooks, type HooksOptions, type HookStats } from "./hooks.ts";
export { parseSecret, signatureOf } from "./signature.ts";
