/**
 * The real program as a child process: `deno run … main.ts`, or the binary that FXFER_BIN names.
 * Its log comes as JSON lines, so a test waits for what happened and not for a time.
 *
 * @module
 */
import { EventLog } from "./event_log.ts";
import { readLines } from "./lines.ts";
import type { Json } from "./raw_frame.ts";
import { TempDir } from "./temp.ts";

const ROOT = new URL("../../", import.meta.url);

/** The widest permissions of the program, as the `serve` task gives them: tier RW. */
export const FLAGS_RW: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-write=storage",
  "--allow-read=storage,config.yaml",
];

/** The sandbox: tier W. */
export const FLAGS_W: readonly string[] = ["--no-prompt", "--allow-net", "--allow-write=storage"];

/** One line of output: parsed when it is a JSON object, and as it came. */
export interface LogLine {
  readonly text: string;
  readonly json: Json;
}

/** What {@linkcode Program.serve} takes. */
export interface ServeOptions {
  /** Permission flags of `deno run`; ignored with FXFER_BIN, where they are baked in. */
  readonly flags?: readonly string[];
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** Further settings, as `--set path=value`. */
  readonly set?: Readonly<Record<string, string | number | boolean>>;
  /** The working folder, where `storage` is; default a temporary one, removed afterwards. */
  readonly cwd?: string;
  /** Environment of the child besides our own. */
  readonly env?: Readonly<Record<string, string>>;
  /** The main.ts of another version of the program; default this one. */
  readonly main?: string;
  /** A command put in front, for example `["strace", "-f"]`. */
  readonly wrap?: readonly string[];
}

/** The command line that runs fxfer with these arguments. */
export function command(args: readonly string[], flags: readonly string[]): string[] {
  const binary = Deno.env.get("FXFER_BIN");
  if (binary !== undefined && binary !== "") return [binary, ...args];
  return [Deno.execPath(), "run", ...flags, new URL("main.ts", ROOT).href, ...args];
}

/** A running `fxfer serve`. Dispose it to stop it; that fails if it had died by itself. */
export class Program implements AsyncDisposable {
  /** Every line of both outputs. */
  readonly log: EventLog<LogLine> = new EventLog();
  readonly #child: Deno.ChildProcess;
  readonly #readers: Promise<string>[];
  readonly #temp: TempDir | undefined;
  readonly #cwd: string;
  #signalled = false;
  #exited = false;
  #hostname = "";
  #port = 0;

  private constructor(child: Deno.ChildProcess, cwd: string, temp: TempDir | undefined) {
    this.#child = child;
    this.#cwd = cwd;
    this.#temp = temp;
    this.#readers = [child.stdout, child.stderr].map((stream) =>
      readLines(stream, (line) => this.#push(line))
    );
    child.status.then(() => this.#exited = true);
    Promise.all(this.#readers).then(() => {
      this.log.end(new Error(`The program has ended; its output was:\n${this.output()}`));
    });
  }

  /** Starts a server on a free port and waits until it listens. */
  static async serve(options: ServeOptions = {}): Promise<Program> {
    const temp = options.cwd === undefined ? await TempDir.make() : undefined;
    const cwd = options.cwd ?? temp!.path;
    const args = ["serve", "--port", "0", "--log-format", "json", ...options.args ?? []];
    // Rate limits count by address, and all tests share one: a test of the limits asks for them.
    const set = { "limits.rate": "off", ...options.set };
    for (const [path, value] of Object.entries(set)) args.push("--set", `${path}=${value}`);
    const flags = options.flags ?? FLAGS_RW;
    const line = [
      ...options.wrap ?? [],
      ...options.main === undefined
        ? command(args, flags)
        : [Deno.execPath(), "run", ...flags, options.main, ...args],
    ];
    const child = new Deno.Command(line[0]!, {
      args: line.slice(1),
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1", ...options.env },
    }).spawn();
    const program = new Program(child, cwd, temp);
    try {
      const listening = await program.event("server.listening", undefined, 30_000);
      program.#hostname = listening.hostname;
      program.#port = listening.port;
      return program;
    } catch (error) {
      await program.kill();
      // It may have ended by itself: `error` says so, with what it wrote.
      program.#signalled = true;
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where it listens. */
  get hostname(): string {
    return this.#hostname;
  }
  /** The port it picked. */
  get port(): number {
    return this.#port;
  }
  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }
  /** The folder it runs in. */
  get cwd(): string {
    return this.#cwd;
  }
  /** Its storage folder. */
  get storage(): string {
    return `${this.#cwd}/storage`;
  }

  /** The first log event of this name whose fields match, past or future. */
  async event(
    name: string,
    matches: (fields: Json) => boolean = () => true,
    timeoutMs?: number,
  ): Promise<Json> {
    const found = await this.log.wait(
      ({ json }) => json.event === name && matches(json),
      `the event ${name}`,
      timeoutMs,
    );
    return found.json;
  }

  /** All it has written so far. */
  output(): string {
    return this.log.all.map(({ text }) => text).join("\n");
  }

  /** Sends a signal; the program may end now. */
  signal(signal: Deno.Signal): void {
    this.#signalled ||= signal !== "SIGSTOP" && signal !== "SIGCONT";
    this.#child.kill(signal);
  }

  /** Its exit status, when it has ended and its output was read. */
  async status(): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    await Promise.all(this.#readers);
    return status;
  }

  /** SIGTERM, then its exit status. */
  async stop(): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    return await this.status();
  }

  /** SIGKILL, then its exit status. */
  async kill(): Promise<Deno.CommandStatus> {
    if (!this.#exited) this.signal("SIGKILL");
    return await this.status();
  }

  /** Resident memory in bytes (Linux). */
  async memory(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** How many file handles it holds (Linux). */
  async openFiles(): Promise<number> {
    let count = 0;
    for await (const _ of Deno.readDir(`/proc/${this.pid}/fd`)) count++;
    return count;
  }

  /** Processor time it has used, in milliseconds (Linux; the kernel counts in ticks of 10 ms). */
  async cpuMs(): Promise<number> {
    const stat = await Deno.readTextFile(`/proc/${this.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const died = this.#exited && !this.#signalled;
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
    if (!this.#exited) this.signal("SIGTERM");
    const status = await this.status();
    clearTimeout(timer);
    await this.#temp?.[Symbol.asyncDispose]();
    if (died || /Uncaught|panicked/.test(this.output())) {
      throw new Error(`The program failed (exit ${status.code}):\n${this.output()}`);
    }
  }

  #push(text: string): void {
    let json: Json = {};
    if (text.startsWith("{")) {
      try {
        // The log's names are those of programs for logs; tests speak of events.
        const { ts: time, msg: event, ...facts } = JSON.parse(text);
        json = { time, event, ...facts };
      } catch {
        // Not an event: kept as text alone.
      }
    }
    this.log.push({ text, json });
  }
}
