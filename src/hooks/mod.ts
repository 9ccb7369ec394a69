/**
 * Asks another program before a file is admitted, and tells another one of each stored file: a POST, signed
 * by the rules of Standard Webhooks, so that receivers that exist can verify it.
 *
 * - S-HOO-1 Each file that was stored since hooks were switched on is told at least once, also after a kill
 *   at any moment. The outbox is the list of stored files itself; a small state file beside it says which of
 *   them were told. A receiver knows a repetition by `webhook-id`. If the state file is damaged, all files of
 *   the last `hooks.give_up_after` are told once more.
 * - S-HOO-2 A receiver that does not answer 2xx within 10 s is asked again, after a second and then at
 *   doubled intervals up to 5 min, until `hooks.give_up_after`. Then the file is a dead letter, which is
 *   logged and listed. At most 10,000 wait in memory; what comes later waits in the list of stored files.
 * - S-HOO-3 Before a new file is begun, the receiver of `hooks.accept` is asked by a `file.offered` with name,
 *   size as far as it is known, media type, digest, user and address. It answers within 2 s: 2xx admits the
 *   file, 403 refuses it. Anything else is no answer, and `hooks.accept_default` holds. A file that is refused
 *   is answered `forbidden`, stores nothing and uses up no number. The client of this file waits, nobody else
 *   does. A repetition of what is stored already, known by its number or its upload id, is not asked about.
 *
 * ## Decisions, and what was not chosen
 *
 * - No outbox of its own: a second file, written with each stored file, would cost each upload a write, and
 *   a kill between the two writes would still lose a hook.
 * - The receiver of `hooks.url` is not waited for: an upload is answered when its file is stored.
 * - Only 403 refuses: a wrong path (404), a wrong secret (401) or a broken receiver (5xx) must not look like a
 *   decision about the file.
 * - One of several servers on a folder has hooks switched on. Two would tell each file twice.
 *
 * @module
 */
export { Admission, type AdmissionOptions } from "./admission.ts";
export { Hooks, type HooksOptions, type HookStats } from "./hooks.ts";
export { parseSecret, signatureOf } from "./signature.ts";
