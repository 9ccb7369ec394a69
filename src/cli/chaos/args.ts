/** The flags of `fxfer chaos`, checked and made into a plan for the proxy. Pure. @module */
import { type Endpoint, parseEndpoint, parseListenEndpoint } from "../../address.ts";
import type { ConnectionPlan, Fault, FaultKind } from "../../chaos/mod.ts";
import { readBytes, SETTINGS } from "../../config/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import type { CommandSpec, OptionSpec, ParsedArgs } from "../args.ts";
import { SUMMARIES } from "../summaries.ts";

/** Where the proxy listens if `--listen` names no host. */
const LOCAL = "127.0.0.1";

/** The flags that ask for a fault, and the kind of fault each asks for. */
const FAULTS: Readonly<Record<string, { readonly kind: FaultKind; readonly help: string }>> = {
  "cut-after": { kind: "close", help: "End the connection, in order, after this many bytes" },
  reset: { kind: "reset", help: "Reset the connection after this many bytes" },
  "half-close": { kind: "half-close", help: "End one direction; the other goes on" },
  stall: { kind: "stall", help: "Forward nothing for a time, or for ever without :TIME" },
  "black-hole": { kind: "black-hole", help: "Swallow everything from there on" },
};

const WAYS = ["up", "down", "both"] as const;

const faultOptions: Readonly<Record<string, OptionSpec>> = Object.fromEntries(
  Object.entries(FAULTS).map(([name, { kind, help }]) => [name, {
    value: kind === "stall" ? "BYTES[:TIME]" : "BYTES",
    multiple: true,
    help,
  }]),
);

export const CHAOS: CommandSpec = {
  name: "chaos",
  summary: SUMMARIES.chaos,
  options: {
    listen: { value: "[HOST:]PORT", short: "l", help: "Where to listen (default a free port)" },
    to: { value: "HOST:PORT", help: "Where connections are forwarded to" },
    ...faultOptions,
    direction: {
      value: "WAY",
      words: WAYS,
      help: "Which way is treated: up (to the server), down or both (default up)",
    },
    first: { value: "N", help: "Treat only the first N connections, the others go through" },
    chunk: { value: "BYTES", help: "Forward pieces of at most this size" },
    delay: { value: "TIME", help: "Wait before each piece" },
    json: { help: "Write one JSON object for each event" },
  },
  details: [
    "A fault strikes each treated connection when exactly that many bytes were forwarded. BYTES may " +
    "have a unit (64k, 10MiB), and so may TIME (500ms, 2s).",
    "For example, to reset the first three connections in the middle of a file:",
    "  fxfer chaos --listen 7000 --to 127.0.0.1:65432 --reset 5MiB --first 3",
  ],
};

/** What the flags of `fxfer chaos` ask for, checked. */
export interface ChaosArgs {
  /** Port 0 where the system is to choose a free one. */
  readonly listen: Endpoint;
  readonly to: Endpoint;
  readonly plan: (connection: number) => ConnectionPlan;
  readonly json: boolean;
}

/** Seconds of at most a day, as this setting takes them; text may carry a unit. */
const seconds = (text: string) => SETTINGS.get("server.drain_timeout")!.kind.read(text) as number;

/** Checks the flags of `fxfer chaos`. @throws {FxferError} `usage` with every fault at once. */
export function readChaosArgs(args: ParsedArgs): ChaosArgs {
  const positive = (text: string) => /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
  const toListen = (text: string) => parseListenEndpoint(text, LOCAL);
  const listen = args.read("listen", "a port or host:port", toListen);
  const to = args.read("to", "host:port", parseEndpoint);
  if (!args.has("to")) args.fault("--to is missing: --to=HOST:PORT");
  const way = args.word("direction", WAYS) ?? "up";
  const first = args.read("first", "a whole number of 1 or more", positive) ?? Infinity;
  const chunk = args.read("chunk", "bytes, 1 or more", (text) => readBytes(text) || undefined);
  const delay = args.read("delay", "a time such as 10ms", seconds);

  const faults: Fault[] = [];
  for (const [flag, { kind }] of Object.entries(FAULTS)) {
    for (const text of args.list(flag)) {
      const fault = readFault(kind, text);
      if (fault !== undefined) faults.push(fault);
      else args.reject(`--${flag}`, "bytes such as 5MiB", text);
    }
  }
  faults.sort((a, b) => a.after - b.after);
  args.mustBeRight();

  const delayMs = delay === undefined ? undefined : delay * 1000;
  const rules = omitUndefined({ faults, chunk, delayMs });
  const plan: ConnectionPlan = {
    ...(way === "down" ? {} : { up: rules }),
    ...(way === "up" ? {} : { down: rules }),
  };
  return {
    listen: listen ?? { hostname: LOCAL, port: 0 },
    to: to!,
    plan: (connection) => connection < first ? plan : {},
    json: args.has("json"),
  };
}

/** `BYTES`, for a stall also `BYTES:TIME`. */
function readFault(kind: FaultKind, text: string): Fault | undefined {
  const [position, time, ...rest] = text.split(":");
  const after = readBytes(position!);
  if (after === undefined || rest.length > 0) return undefined;
  if (time === undefined) return { after, kind };
  const pause = seconds(time);
  return kind !== "stall" || pause === undefined ? undefined : { after, kind, ms: pause * 1000 };
}
