/** The flags of `deno task bench`. @module */
import { parseArgs } from "node:util";

/** What they ask for. */
export interface BenchFlags {
  readonly help: boolean;
  readonly rounds: number;
  readonly scenarios: readonly string[];
  /** Empty: all. */
  readonly contenders: readonly string[];
  readonly files: number;
  readonly dir: string;
  readonly cost: boolean;
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** How large the comparison with other programs is; absent: there is none. */
  readonly clients: { readonly rttMs: number; readonly small: number; readonly big: number } | null;
}

/** The flags that mean nothing without `--clients`, and those that mean nothing with it. */
const CLIENTS_ONLY = ["rtt", "small", "big"] as const;
const NOT_CLIENTS = ["cost", "scenarios"] as const;

/** For `--help`. */
export const HELP: readonly string[] = [
  "deno task bench [FLAG…]",
  "",
  "  --rounds N        Rounds, of which the median is shown (default 3)",
  "  --scenarios LIST  Which, separated by commas (default all)",
  "  --only LIST       Which of stateless, stateful, sqlite, redis, durable, v1, and bare: a server",
  "                    that checks and remembers nothing, what Deno itself costs (default all)",
  "  --quick           One round with a tenth of the files",
  "  --cost            What a session costs, instead of the table",
  "  --dir DIR         Where the servers store (default /dev/shm where it is, so that the",
  "                    server is measured and not the disk; durability costs nothing there)",
  "  --json FILE       Also write the results to a file",
  "  --html FILE       Also write table and plots as a page that needs nothing else",
  "",
  "  --clients         fxfer beside rsync, scp, curl with nginx, and rclone, those that are installed:",
  "                    whole-process seconds, both ways; --only takes their names",
  "  --rtt MS          With --clients: a round trip so long to every server (default 0)",
  "  --small N         With --clients: files of 10 KiB in the folder (default 500; 0: no folder)",
  "  --big MIB         With --clients: the one large file (default 256; 0: none)",
  "",
  "With FXFER_BIN in the environment the compiled program is measured.",
  "",
  "Scenarios:",
];

/** Reads them; a sentence is what is wrong with them. */
export function readFlags(args: string[], known: readonly string[]): BenchFlags | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        help: { type: "boolean", short: "h" },
        rounds: { type: "string" },
        scenarios: { type: "string" },
        only: { type: "string" },
        quick: { type: "boolean" },
        cost: { type: "boolean" },
        dir: { type: "string" },
        json: { type: "string" },
        html: { type: "string" },
        clients: { type: "boolean" },
        rtt: { type: "string" },
        small: { type: "string" },
        big: { type: "string" },
      },
    });
    const wrong = values.clients
      ? NOT_CLIENTS.find((name) => values[name] !== undefined)
      : CLIENTS_ONLY.find((name) => values[name] !== undefined);
    if (wrong !== undefined) {
      return `--${wrong}: ${values.clients ? "does not go" : "only goes"} with --clients`;
    }
    const amount = (name: (typeof CLIENTS_ONLY)[number], most: number, usual: number) => {
      const value = Number(values[name] ?? usual);
      if (Number.isInteger(value) && value >= 0 && value <= most) return value;
      throw new RangeError(`--${name}: wanted a whole number from 0 to ${most}`);
    };
    const { help = false, quick = false, cost = false, json, html } = values;
    const rounds = Number(values.rounds ?? (quick ? 1 : 3));
    if (!(Number.isInteger(rounds) && rounds >= 1)) return "--rounds: wanted a number from 1";
    const scenarios = values.scenarios?.split(",") ?? known;
    const unknown = scenarios.filter((name) => !known.includes(name));
    if (unknown.length > 0) return `--scenarios: no ${unknown.join(", ")}`;
    const contenders = values.only?.split(",") ?? [];
    const dir = values.dir ?? defaultDir();
    const clients = values.clients
      ? {
        rttMs: amount("rtt", 10_000, 0),
        small: amount("small", 1_000_000, quick ? 100 : 500),
        big: amount("big", 1_000_000, quick ? 16 : 256),
      }
      : null;
    if (clients?.small === 0 && clients.big === 0) {
      return "--small: there must be files in the folder, or a large file (--big)";
    }
    const files = quick ? 500 : 5000;
    return { help, rounds, scenarios, contenders, files, dir, cost, json, html, clients };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A folder in memory: Linux has one; elsewhere the temporary folder. */
function defaultDir(): string {
  try {
    if (Deno.statSync("/dev/shm").isDirectory) return "/dev/shm";
  } catch {
    // Not here.
  }
  return Deno.env.get("TMPDIR") ?? Deno.env.get("TEMP") ?? "/tmp";
}
