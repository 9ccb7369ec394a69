/** The program run from a folder of its own, to its end or until a signal. @module */
import { EventLog } from "./event_log.ts";
import { readLines } from "./lines.ts";
import { command } from "./program.ts";
import type { Ran } from "./ran.ts";

/** How to run it. */
export interface RunOptions {
  /** The working folder. */
  readonly cwd: string;
  /** Permission flags; default all. */
  readonly flags?: readonly string[];
  /** What standard input holds; default nothing. */
  readonly stdin?: Uint8Array | ReadableStream<Uint8Array>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs fxfer to its end. */
export async function fxfer(args: readonly string[], options: RunOptions): Promise<Ran> {
  return await start(args, options).ended;
}

/** A run under way. */
export interface Running {
  readonly pid: number;
  /** Lines of standard error, and of standard output, as they come. */
  readonly lines: EventLog<string>;
  readonly output: EventLog<string>;
  readonly ended: Promise<Ran>;
  kill(signal: Deno.Signal): void;
}

/** Starts fxfer. */
export function start(args: readonly string[], options: RunOptions): Running {
  const [program, ...rest] = command(args, options.flags ?? ["-A"]);
  const child = new Deno.Command(program!, {
    args: rest,
    cwd: options.cwd,
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...options.env },
  }).spawn();
  const lines = new EventLog<string>();
  const output = new EventLog<string>();
  const ended = (async () => {
    const feed = options.stdin === undefined
      ? undefined
      : new Response(options.stdin as BodyInit).body!.pipeTo(child.stdin).catch(() => {});
    const [out, err, { code }] = await Promise.all([
      hear(child.stdout, output),
      hear(child.stderr, lines),
      child.status,
      feed,
    ]);
    return { code, out, err };
  })();
  return { pid: child.pid, lines, output, ended, kill: (signal) => child.kill(signal) };
}

async function hear(stream: ReadableStream<Uint8Array>, lines: EventLog<string>): Promise<string> {
  const text = await readLines(stream, (line) => lines.push(line));
  lines.end(new Error(`The program has ended; it said:\n${text}`));
  return text;
}
