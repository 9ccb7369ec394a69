/** `fxfer key`: its flags, and what they ask for. @module */
import { type Grant, isUserName, parseDate, parseRights, type UserLimits } from "../../keys/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { readBytes, readSeconds } from "../../text.ts";
import type { CommandSpec, ParsedArgs } from "../args.ts";
import { SUMMARIES } from "../summaries.ts";

/** The file of keys where none is named. */
export const DEFAULT_KEYS = "fxfer.keys";

/** How long a key is valid beside the one that replaces it, in seconds: a day. */
const ROTATION_S = 86_400;

const VERBS = ["new", "list", "revoke", "rotate"] as const;

/** What each verb takes besides --keys. */
const FLAGS: Readonly<Record<typeof VERBS[number], readonly string[]>> = {
  new: ["can", "quota", "files", "rate", "connections", "sessions", "until", "quiet"],
  list: ["json"],
  revoke: ["quiet"],
  rotate: ["for", "quiet"],
};

/** The flags of `fxfer key`. */
export const KEY: CommandSpec = {
  name: "key",
  summary: SUMMARIES.key,
  operands: { name: "new NAME | list | revoke NAME | rotate NAME", min: 1, max: 2, words: VERBS },
  options: {
    keys: { value: "FILE", help: `The file of keys (default ${DEFAULT_KEYS})` },
    can: {
      value: "RIGHTS",
      help: "new: put, get, list, remove, all (others' files too); default all but all",
    },
    quota: { value: "SIZE", help: "new: bytes stored in all, such as 10GiB" },
    files: { value: "N", help: "new: files stored in all" },
    rate: { value: "SIZE", help: "new: bytes a second in each direction, such as 5MiB" },
    connections: { value: "N", help: "new: connections at once" },
    sessions: { value: "N", help: "new: sessions at once" },
    until: { value: "DATE", help: "new: when the key ends, such as 2027-01-31" },
    for: { value: "TIME", help: "rotate: how long the old key is valid as well (default 1d)" },
    json: { help: "list: one JSON object a line" },
    quiet: { short: "q", help: "Print the key and nothing else" },
  },
  details: [
    "new and rotate print the key, once; whoever has it acts for that user. A running server sees the " +
    "change within a second. revoke ends the user's connections.",
    "For example, at the server and then at the client:",
    "  fxfer key new alice --quota 10GiB\n" +
    "  fxfer serve --host 0.0.0.0 --keys fxfer.keys\n" +
    "  fxfer send --key-file alice.key photo.png",
  ],
};

/** The arguments, checked. */
export type KeyArgs =
  & { readonly keys: string; readonly quiet: boolean }
  & (
    | {
      readonly verb: "new";
      readonly name: string;
      readonly can?: readonly Grant[];
      readonly limits: UserLimits;
      readonly until?: number;
    }
    | { readonly verb: "list"; readonly json: boolean }
    | { readonly verb: "revoke"; readonly name: string }
    | { readonly verb: "rotate"; readonly name: string; readonly seconds: number }
  );

/** Checks the flags. @throws {FxferError} `usage` with every fault at once. */
export function readKeyArgs(args: ParsedArgs): KeyArgs {
  const [verb, name] = args.operands as [typeof VERBS[number], string | undefined];
  for (const flag of Object.keys(KEY.options)) {
    if (flag !== "keys" && args.has(flag) && !FLAGS[verb].includes(flag)) {
      args.fault(`--${flag} is not a flag of ${verb}`);
    }
  }
  if (verb === "list") {
    if (name !== undefined) args.fault("list takes no NAME");
  } else if (name === undefined) args.fault("NAME is missing");
  else if (!isUserName(name)) {
    args.reject("NAME", "1 to 32 lower-case letters, digits and dashes (not public)", name);
  }
  const size = (text: string) => positive(readBytes(text));
  const number = (text: string) => /^\d{1,15}$/.test(text) ? positive(Number(text)) : undefined;
  const limits = omitUndefined({
    bytes: args.read("quota", "a size such as 10GiB", size),
    files: args.read("files", "a number of files", number),
    rate: args.read("rate", "bytes a second such as 5MiB", size),
    connections: args.read("connections", "a number of connections", number),
    sessions: args.read("sessions", "a number of sessions", number),
  });
  const can = args.read("can", "some of put, get, list, remove, all", parseRights);
  const until = args.read("until", "a date to come, such as 2027-01-31", (text) => {
    const ms = parseDate(text);
    return ms !== undefined && ms > Date.now() ? ms : undefined;
  });
  const time = (text: string) => {
    const value = readSeconds(text);
    return value !== undefined && value >= 0 ? value : undefined;
  };
  const seconds = args.read("for", "a time such as 1h or 2d", time) ?? ROTATION_S;
  args.mustBeRight();
  const common = { keys: args.text("keys") ?? DEFAULT_KEYS, quiet: args.has("quiet") };
  switch (verb) {
    case "new":
      return { ...common, verb, name: name!, limits, ...omitUndefined({ can, until }) };
    case "list":
      return { ...common, verb, json: args.has("json") };
    case "revoke":
      return { ...common, verb, name: name! };
    case "rotate":
      return { ...common, verb, name: name!, seconds };
  }
}

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;
