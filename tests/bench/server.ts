/** A server as a process of its own, and what Linux says about it. @module */
import { command } from "../helpers/program.ts";
import { TempDir } from "../helpers/temp.ts";
import type { Contender } from "./contenders.ts";

/** The kernel counts processor time in ticks of this length. */
const TICK_US = 10_000;

/** All: Deno lets nothing less reach below /dev, where the storage in memory is. */
const FLAGS = ["-A"];

/** What would refuse a load. */
const NO_LIMITS = {
  "limits.rate": "off",
  "server.max_connections": 20_000,
  "server.handshake_timeout": 120,
  "stateful.max_sessions": 40_000,
  "stateless.max_request_size": 8 * 1024 ** 3,
};

/** Arguments of `serve` that lift the limits a load would meet, and make these settings. */
export const limitless = (set: Readonly<Record<string, string | number>>): string[] =>
  Object.entries({ ...NO_LIMITS, ...set }).flatMap((
    [path, value],
  ) => ["--set", `${path}=${value}`]);

/** A running `fxfer serve`, or what stands in for it; dispose it to end it and to remove what it stored. */
export class BenchServer implements AsyncDisposable {
  private constructor(
    readonly hostname: string,
    readonly port: number,
    /** From the spawn to the line that says where it listens. */
    readonly startMs: number,
    readonly child: Deno.ChildProcess,
    readonly folder: TempDir,
  ) {}

  /**
   * Starts one and waits until it listens.
   *
   * @param dir Its storage is a new folder in there.
   */
  static async start(dir: string, { set, instead, reset }: Contender): Promise<BenchServer> {
    await reset?.();
    const folder = await TempDir.make(dir);
    const [program, ...rest] = instead === undefined
      ? command(["serve", "--port", "0", "--quiet", ...limitless(set)], FLAGS)
      : [Deno.execPath(), "run", ...FLAGS, instead];
    const start = performance.now();
    const child = new Deno.Command(program!, {
      args: rest,
      cwd: folder.path,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const line = await firstLine(child.stdout);
    const [, hostname, port] = /^(.+):(\d+)$/.exec(line) ?? [];
    if (hostname === undefined) {
      await child.status;
      await folder[Symbol.asyncDispose]();
      throw new Error("Cannot measure: the server did not start");
    }
    const startMs = performance.now() - start;
    return new BenchServer(hostname, Number(port), startMs, child, folder);
  }

  /** Processor time of all its threads so far, in microseconds; NaN where there is no /proc. */
  async cpuUs(): Promise<number> {
    const stat = await this.#proc("stat");
    // The program's name, in parentheses, may have spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  }

  /** Memory now, or the most it ever was, in KiB; NaN where there is no /proc. */
  async memoryKiB(which: "VmRSS" | "VmHWM"): Promise<number> {
    const status = await this.#proc("status");
    return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  }

  async #proc(file: string): Promise<string> {
    return await Deno.readTextFile(`/proc/${this.child.pid}/${file}`).catch(() => "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
    await this.child.status;
    clearTimeout(timer);
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Reads a stream's first line and lets go of the rest. */
async function firstLine(stream: Deno.ChildProcess["stdout"]): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0]!;
}
