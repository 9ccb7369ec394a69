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
}

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
      },
    });
    const { help = false, quick = false, cost = false, json } = values;
    const rounds = Number(values.rounds ?? (quick ? 1 : 3));
    if (!(Number.isInteger(rounds) && rounds >= 1)) return "--rounds: wanted a number from 1";
    const scenarios = values.scenarios?.split(",") ?? known;
    const unknown = scenarios.filter((name) => !known.includes(name));
    if (unknown.length > 0) return `--scenarios: no ${unknown.join(", ")}`;
    const contenders = values.only?.split(",") ?? [];
    const dir = values.dir ?? defaultDir();
    return { help, rounds, scenarios, contenders, files: quick ? 500 : 5000, dir, cost, json };
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
