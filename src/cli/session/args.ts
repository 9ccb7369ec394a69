/** `fxfer session`: its flags, and what they ask for. @module */
import { parseEndpoint } from "../../address.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import type { CommandSpec, ParsedArgs } from "../args.ts";
import { CONFIG_OPTIONS } from "../config_flags.ts";
import { SUMMARIES } from "../summaries.ts";

const { config, storage, persistence, "redis-url": redisUrl, set } = CONFIG_OPTIONS;

export const SESSION: CommandSpec = {
  name: "session",
  summary: SUMMARIES.session,
  operands: { name: "export ID | import FILE", min: 2, max: 2, words: ["export", "import"] },
  options: {
    "key-file": { value: "FILE", help: "Secret that both servers share, 32 bytes or more" },
    to: { value: "HOST:PORT", help: "export: the server it goes to, as clients reach it" },
    out: {
      value: "FILE",
      short: "o",
      help: "export: write the session here (default standard output)",
    },
    as: {
      value: "HOST:PORT",
      help: "import: this server, as clients reach it (default server.host and server.port)",
    },
    ...{ config: config!, storage: storage!, persistence: persistence! },
    ...{ "redis-url": redisUrl!, set: set! },
  },
  details: [
    "Run export where the session is and import where it goes to, each with the configuration of its " +
    "server, which may be running. ID may be cut to its first 8 characters, FILE may be - for standard " +
    "input. For example:",
    "  fxfer session export 1b2c3d4e --to b.example:65432 --key-file key |\n" +
    "    ssh b.example fxfer session import - --as b.example:65432 --key-file key",
    "From the export on, the first server sends the session's client to the second one. The client " +
    "follows if it was told to trust that server (fxfer send --trust), and a part of a file goes " +
    "along. An exported session can be imported once, within 10 minutes; after that, export it again.",
    "To take a session back, import it at the second server and export it from there. If the second " +
    "server is gone for good and has not imported it, import it at the first one, with the second " +
    "server's address after --as.",
    "To make a key:",
    "  head -c 32 /dev/urandom | base64 > key; chmod 600 key",
  ],
};

/** The arguments, checked. */
export type SessionArgs =
  & { readonly keyFile: string }
  & (
    | {
      readonly verb: "export";
      /** The id, or the beginning of it. */
      readonly id: string;
      /** `host:port`. */
      readonly to: string;
      /** Absent: standard output. */
      readonly out?: string;
    }
    | {
      readonly verb: "import";
      /** `-` is standard input. */
      readonly file: string;
      /** `host:port`; absent: what the configuration says. */
      readonly as?: string;
    }
  );

/** The id of a session, or its first 8 characters or more. */
const ID = /^[0-9a-f]{8}(-|$)[0-9a-f-]{0,27}$/;

/** Checks the flags. @throws {FxferError} `usage` with every fault at once. */
export function readSessionArgs(args: ParsedArgs): SessionArgs {
  const [verb, operand] = args.operands as [SessionArgs["verb"], string];
  for (const flag of verb === "export" ? ["as"] : ["to", "out"]) {
    if (args.has(flag)) args.fault(`--${flag} is not a flag of ${verb}`);
  }
  const endpoint = (text: string) => parseEndpoint(text) && text;
  const to = args.read("to", "host:port", endpoint);
  const as = args.read("as", "host:port", endpoint);
  const keyFile = args.text("key-file");
  if (keyFile === undefined) args.fault("--key-file is missing: --key-file=FILE");
  if (verb === "export") {
    if (!args.has("to")) args.fault("--to is missing: --to=HOST:PORT");
    if (!ID.test(operand)) args.reject("ID", "a session's id or its beginning", operand);
  }
  args.mustBeRight();
  return verb === "export"
    ? omitUndefined({ verb, keyFile: keyFile!, id: operand, to: to!, out: args.text("out") })
    : omitUndefined({ verb, keyFile: keyFile!, file: operand, as });
}
