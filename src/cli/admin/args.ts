/** The arguments of `fxfer admin`. @module */
import { parseEndpoint } from "../../address.ts";
import type { CommandSpec, ParsedArgs } from "../args.ts";
import { CONFIG_OPTIONS } from "../config_flags.ts";
import { SUMMARIES } from "../summaries.ts";

export const ADMIN: CommandSpec = {
  name: "admin",
  summary: SUMMARIES.admin,
  operands: {
    name: "VERB [ARG …]",
    min: 1,
    max: 20,
    words: ["sessions", "files", "keys", "hooks", "settings", "drain", "events", "top"],
  },
  options: {
    door: {
      value: "HOST:PORT",
      help: "Where the door is (default admin.host and admin.port of the configuration)",
    },
    "token-file": {
      value: "FILE",
      help: "File with its token (default admin.token_file)",
    },
    tls: {
      help: "Ask by TLS (default admin.tls); for a certificate of your own start with DENO_CERT",
    },
    config: CONFIG_OPTIONS.config!,
    out: {
      value: "FILE",
      short: "o",
      help: "sessions move: write the session here (default standard output)",
    },
    json: { help: "Print JSON as the door answers it" },
  },
  details: [
    "  sessions              live sessions; sessions ID for one of them\n" +
    "  sessions revoke ID    end one: its client is told session_revoked\n" +
    "  sessions move ID HOST:PORT\n" +
    "                        write one for fxfer session import at the server there, as clients reach\n" +
    "                        it; its client is sent there from now on (needs admin.move_key_file)\n" +
    "  files [PREFIX]        stored files, the newest first, whose names begin so\n" +
    "  files remove PATH     remove one\n" +
    "  keys                  users, what they may do and have used up\n" +
    "  keys revoke NAME      take a key away until the next start: its sessions end\n" +
    "  hooks                 what waits, and what was given up\n" +
    "  settings              settings that differ from their defaults; settings all for each\n" +
    "  settings PATH=VALUE   change some until the next reload or restart, all or none\n" +
    "  drain                 stop gracefully: uploads under way get server.drain_timeout\n" +
    "  events                what happens, line by line, until interrupted\n" +
    "  top                   rates, sessions and their files, live; q or Ctrl-C ends it",
    "For a server started with --set admin.port=65433:",
    "  fxfer admin --door 127.0.0.1:65433 top",
  ],
};

/** What is asked for. */
export type AdminVerb =
  | { readonly verb: "sessions"; readonly id?: string; readonly revoke: boolean }
  | { readonly verb: "move"; readonly id: string; readonly to: string; readonly out?: string }
  | { readonly verb: "files"; readonly prefix: string; readonly remove?: string }
  | { readonly verb: "keys"; readonly revoke?: string }
  | { readonly verb: "settings"; readonly all: boolean; readonly changes?: Record<string, string> }
  | { readonly verb: "hooks" | "drain" | "events" | "top" };

/** Reads the operands. @throws {FxferError} `usage` with every fault. */
export function readVerb(args: ParsedArgs): AdminVerb {
  const [verb, ...rest] = args.operands;
  const asked = verbOf(verb!, rest, args);
  args.mustBeRight();
  return asked;
}

const isId = (text: string): boolean => /^[0-9a-f-]{8,36}$/.test(text);

function verbOf(verb: string, rest: readonly string[], args: ParsedArgs): AdminVerb {
  const out = args.text("out");
  if (out !== undefined && (verb !== "sessions" || rest[0] !== "move")) {
    args.fault("--out is for sessions move");
  }
  if (verb === "sessions" && rest[0] === "move") {
    const [, id = "", to = "", more] = rest;
    if (!isId(id)) args.reject("ID", "8 characters or more of a session's id", id);
    if (parseEndpoint(to) === undefined) {
      args.reject("HOST:PORT", "an address such as b.example:65432", to);
    }
    if (more !== undefined) args.reject("sessions move", "an ID and an address", more);
    return { verb: "move", id, to, ...(out !== undefined && { out }) };
  }
  if (verb === "sessions") {
    const revoke = rest[0] === "revoke";
    const [id, more] = revoke ? rest.slice(1) : rest;
    if (revoke && id === undefined) args.fault("sessions revoke needs an ID");
    if (id !== undefined && !isId(id)) {
      args.reject("ID", "8 characters or more of a session's id", id);
    }
    if (more !== undefined) args.reject(verb, "one ID", more);
    return { verb, revoke, ...(id !== undefined && { id }) };
  }
  if (verb === "files" || verb === "keys") {
    const deed = verb === "files" ? "remove" : "revoke";
    const [first = "", what, more] = rest;
    const isDeed = first === deed;
    if (isDeed && what === undefined) args.fault(`${verb} ${deed} needs one more word`);
    const tooMany = isDeed ? more : what ?? (verb === "keys" && first !== "" ? first : undefined);
    if (tooMany !== undefined) args.reject(verb, "fewer words", tooMany);
    if (verb === "keys") return { verb, ...(isDeed && { revoke: what ?? "" }) };
    return { verb, prefix: isDeed ? "" : first, ...(isDeed && { remove: what ?? "" }) };
  }
  if (verb === "settings") {
    if (rest.length === 0 || (rest.length === 1 && rest[0] === "all")) {
      return { verb, all: rest.length > 0 };
    }
    const changes: Record<string, string> = {};
    for (const text of rest) {
      const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (path === undefined) args.reject("settings", "PATH=VALUE", text);
      else changes[path] = value!;
    }
    return { verb, all: false, changes };
  }
  if (rest.length > 0) args.reject(verb, "nothing behind it", rest[0]!);
  return { verb: verb as "hooks" | "drain" | "events" | "top" };
}
