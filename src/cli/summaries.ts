/**
 * What each command does, in one line without full stop. The lines stand here and not with the commands, so that
 * `fxfer --help` shows them all and loads none. Pure.
 *
 * @module
 */

/** By the name of the command. */
export const SUMMARIES = {
  serve: "Receive files until stopped",
  send: "Send files to a server",
  get: "Get files back from a server",
  ls: "List the files that a server has",
  rm: "Remove files from a server",
  key: "Make, list, revoke and rotate the keys of a server's users",
  session: "Move a session to a server that has another store",
  admin: "Look into a running server, and change what it does",
  verify: "Hash stored files again and compare them with the manifest",
  gc: "Remove files that are too old, and what was left unfinished",
  compact: "Rewrite the manifest without files that were removed",
  config: "Check the configuration, or print it with where each value came from",
  doctor: "Check whether a server would do its job here",
  chaos: "Forward connections and break them, to test clients and servers",
  conformance: "Hold a server, or a client, against the rules of the wire contract",
  demo: "Show the main job: files in both modes, a cut, a resume",
  watch: "Show the frames between clients and a server as they happen",
  learn: "Six short lessons: what a session is, costs and saves",
  lab: "Measure on this machine what a session costs and saves; writes a report",
  bench: "Measure a running server with a load of small files",
  completions: "Print what a shell needs to complete commands and flags",
} as const;
