/** `fxfer serve --share`: its flags, and the settings that they stand for. @module */
import type { ConfigFlag, LoadOptions } from "../../config/mod.ts";
import { type Grant, parseRights } from "../../keys/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { readSeconds } from "../../text.ts";
import type { OptionSpec, ParsedArgs } from "../args.ts";

/** The flags. */
export const SHARE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  share: { help: "Listen on the network with TLS and a key, and print the address to send to" },
  once: { help: "With --share: stop when the first client is done" },
  for: { value: "TIME", help: "With --share: stop after this time, such as 1h" },
  can: { value: "RIGHTS", help: "With --share: put, get, list, remove (default put,get,list)" },
  "to-file": { value: "FILE", help: "With --share: write the address to a file, and not here" },
};

/** What is asked for. */
export interface ShareArgs {
  readonly once: boolean;
  /** When it ends, in milliseconds from the start. */
  readonly forMs?: number;
  readonly can: readonly Grant[];
  readonly toFile?: string;
}

/** A timer of the system takes no longer time. */
const MAX_SECONDS = 2_000_000;

const CAN: readonly Grant[] = ["put", "get", "list"];

/** Checks the flags; undefined without `--share`. @throws {FxferError} `usage` with every fault at once. */
export function readShareArgs(args: ParsedArgs): ShareArgs | undefined {
  if (!args.has("share")) {
    for (const name of Object.keys(SHARE_OPTIONS)) {
      if (args.has(name)) args.fault(`--${name} goes with --share`);
    }
    args.mustBeRight();
    return undefined;
  }
  if (args.has("keys")) args.fault("--share makes a key: --keys goes without");
  if (args.has("workers")) args.fault("--share has one worker: --workers goes without");
  const seconds = args.read("for", "a time such as 1h, of at most 23 days", (text) => {
    const value = readSeconds(text);
    return value !== undefined && value > 0 && value <= MAX_SECONDS ? value : undefined;
  });
  const can = args.read("can", "some of put, get, list, remove", (text) => {
    const rights = parseRights(text);
    return rights?.includes("all") ? undefined : rights;
  });
  args.mustBeRight();
  return {
    once: args.has("once"),
    can: can ?? CAN,
    ...omitUndefined({
      forMs: seconds === undefined ? undefined : seconds * 1000,
      toFile: args.text("to-file"),
    }),
  };
}

/** The options of `loadConfig` with what a share needs: TLS alone, a key for everybody, one worker. */
export function withShare(
  options: LoadOptions & { readonly flags: readonly ConfigFlag[] },
): LoadOptions {
  const flag = "--share";
  // The only port is the one for TLS, so --port is meant for it.
  const asked = options.flags.map((each) =>
    each.path === "server.port" ? { ...each, path: "server.tls.port" } : each
  );
  const flags: ConfigFlag[] = [
    { flag, path: "server.host", value: "0.0.0.0" },
    { flag, path: "server.tls.certificate", value: "self" },
    ...asked,
    { flag, path: "server.port", value: "off" },
    { flag, path: "server.workers", value: 1 },
    { flag, path: "security.keys", value: "-" }, // there are keys; share.ts has them
    { flag, path: "security.anonymous", value: [] },
  ];
  return { ...options, flags };
}
