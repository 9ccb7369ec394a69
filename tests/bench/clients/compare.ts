/** The comparison: every tool does the same works in turns, each time with a server of its own. @module */
import { reasonOf } from "../../../src/errors.ts";
import { renderCells } from "../../../src/bench/mod.ts";
import { Road } from "../../../src/lab/mod.ts";
import { freePort } from "../../helpers/free_port.ts";
import { Random } from "../../helpers/random.ts";
import { TempDir } from "../../helpers/temp.ts";
import { median } from "../measure.ts";
import type { Line, Peer, Tool, Work } from "./tools.ts";

/** How large a comparison is. */
export interface Plan {
  readonly tools: readonly Tool[];
  readonly rounds: number;
  /** The round trip of the road to the server, in milliseconds; at 0 there is no road in between. */
  readonly rttMs: number;
  /** Files of 10 KiB in the folder; 0 leaves the folder out. */
  readonly small: number;
  /** The one large file in MiB; 0 leaves it out. */
  readonly big: number;
  /** Where everything stands meanwhile. */
  readonly dir: string;
  /** Ends it in the middle of a run. */
  readonly signal?: AbortSignal;
}

/** A tool's runs of one work, one way. */
export interface Timing {
  readonly work: string;
  readonly way: "send" | "fetch";
  readonly tool: string;
  /** Whole-process seconds of each run that did what it should. */
  readonly seconds: number[];
  /** What the other runs said. */
  readonly faults: string[];
}

const SMALL = 10 * 1024;
const MIB = 2 ** 20;

/** Files in a folder: at most so many stand beside each other. */
const BESIDE = 100;

/** What each server and its disk cache have seen before the first run that counts. */
const WARM_UP = 200;

/** How long a server may take until it listens, and to end, in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * Runs all works; `note` is told what is being done, `fault` what went wrong.
 *
 * @throws {Error} What the signal was aborted with.
 */
export async function compare(
  plan: Plan,
  note: (text: string) => void,
  fault: (text: string) => void,
): Promise<Timing[]> {
  await using dir = await TempDir.make(plan.dir);
  const warmUp = await folder(dir.path, "warm", WARM_UP);
  const works = [
    ...(plan.small > 0 ? [await folder(dir.path, "small", plan.small)] : []),
    ...(plan.big > 0 ? [await file(dir.path, "big.bin", plan.big * MIB)] : []),
  ];
  const timings = new Map<string, Timing>();
  const add = (work: Work, way: Timing["way"], tool: Tool, run: Run) => {
    const timing = timings.getOrInsertComputed(
      `${work.name} ${way} ${tool.name}`,
      () => ({ work: work.name, way, tool: tool.name, seconds: [], faults: [] }),
    );
    if (run.fault === undefined) return timing.seconds.push(run.seconds);
    timing.faults.push(run.fault);
    fault(`${tool.name}, ${way} ${work.name}: ${run.fault}`);
  };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const work of works) {
      for (const tool of plan.tools) {
        plan.signal?.throwIfAborted();
        note(`round ${round}/${plan.rounds}: ${work.name}, ${tool.name}`);
        await using turn = await Turn.begin(tool, dir.path, plan).catch((error: unknown) => {
          add(work, "send", tool, { seconds: NaN, fault: reasonOf(error) });
          return undefined;
        });
        if (turn === undefined) continue;
        await turn.send(warmUp, true);
        await turn.fetch(warmUp, true);
        for (const way of ["send", "fetch"] as const) {
          const run = await turn[way](work, false);
          if (run !== undefined) add(work, way, tool, run);
        }
      }
    }
  }
  note("");
  return [...timings.values()];
}

/** One run of a client. */
interface Run {
  readonly seconds: number;
  /** Why it does not count. */
  readonly fault: string | undefined;
}

/** One tool with a fresh server, for the runs of one turn. */
class Turn implements AsyncDisposable {
  private constructor(
    readonly tool: Tool,
    readonly direct: Peer,
    readonly far: Peer,
    readonly signal: AbortSignal | undefined,
    readonly stack: AsyncDisposableStack,
  ) {}

  static async begin(tool: Tool, dir: string, { rttMs, signal }: Plan): Promise<Turn> {
    await using stack = new AsyncDisposableStack();
    const { path: folder } = stack.use(await TempDir.make(dir));
    const direct = { port: freePort(), folder };
    const [program, ...args] = await tool.serve(direct);
    const silent = { stdin: "null", stdout: "null", stderr: "piped" } as const;
    const server = new Deno.Command(program!, { args, cwd: folder, ...silent }).spawn();
    const said = new Response(server.stderr).text();
    stack.defer(() => end(server));
    await listening(direct.port, server, said);
    if (rttMs === 0) return new Turn(tool, direct, direct, signal, stack.move());
    const road = stack.use(new Road({ to: () => direct.port, delayMs: rttMs / 2 }));
    return new Turn(tool, direct, { ...direct, port: road.port }, signal, stack.move());
  }

  /** @param near Whether it goes straight to the server, not over the road. */
  async send(work: Work, near: boolean): Promise<Run | undefined> {
    const line = await this.tool.send(work, near ? this.direct : this.far);
    return line && await this.#run(line);
  }

  /** What came back must be as much as was sent. */
  async fetch(work: Work, near: boolean): Promise<Run | undefined> {
    await using to = await TempDir.make(this.direct.folder);
    const line = await this.tool.fetch(work, near ? this.direct : this.far, to.path);
    if (line === undefined) return undefined;
    const run = await this.#run(line);
    const came = await sizes(to.path);
    const bytes = came.reduce((sum, size) => sum + size, 0);
    if (came.length === work.files.length && bytes === work.bytes) return run;
    const few = `${came.length} files with ${bytes} bytes came`;
    return { ...run, fault: run.fault ?? few };
  }

  async #run([program, ...args]: Line): Promise<Run> {
    this.signal?.throwIfAborted();
    const start = performance.now();
    const { code, stderr } = await new Deno.Command(program!, {
      args,
      cwd: this.direct.folder,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      ...(this.signal && { signal: this.signal }),
    }).output();
    const seconds = (performance.now() - start) / 1000;
    this.signal?.throwIfAborted();
    const said = new TextDecoder().decode(stderr).trim().slice(-300);
    return { seconds, fault: code === 0 ? undefined : `exit ${code}: ${said}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}

/** Waits until a server takes connections. */
async function listening(
  port: number,
  server: Deno.ChildProcess,
  said: Promise<string>,
): Promise<void> {
  let ended = false;
  void server.status.then(() => ended = true);
  for (const start = performance.now(); performance.now() - start < PATIENCE_MS && !ended;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  await end(server);
  throw new Error(`its server does not listen: ${(await said).trim().slice(-300)}`);
}

async function end(server: Deno.ChildProcess): Promise<void> {
  const kill = (signal: Deno.Signal) => {
    try {
      server.kill(signal);
    } catch {
      // It has ended by itself.
    }
  };
  kill("SIGTERM");
  const late = setTimeout(() => kill("SIGKILL"), PATIENCE_MS);
  await server.status;
  clearTimeout(late);
}

const random = new Random(1);

async function folder(above: string, name: string, count: number): Promise<Work> {
  const files: string[] = [];
  for (let i = 0; i < count; i++) {
    const within = `${name}/d${Math.floor(i / BESIDE)}`;
    if (i % BESIDE === 0) await Deno.mkdir(`${above}/${within}`, { recursive: true });
    files.push(`${within}/f${i}.bin`);
    await Deno.writeFile(`${above}/${files[i]}`, random.bytes(SMALL));
  }
  return { name, path: `${above}/${name}`, files, isFolder: true, bytes: count * SMALL };
}

async function file(above: string, name: string, bytes: number): Promise<Work> {
  const path = `${above}/${name}`;
  using to = await Deno.open(path, { write: true, createNew: true });
  for (let at = 0; at < bytes; at += MIB) {
    const part = random.bytes(MIB);
    for (let done = 0; done < MIB;) done += await to.write(part.subarray(done));
  }
  return { name, path, files: [name], isFolder: false, bytes };
}

/** The sizes of all files in a folder and below. */
async function sizes(folder: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await sizes(path));
    else found.push((await Deno.stat(path)).size);
  }
  return found;
}

/** The middle of a tool's runs; NaN where none did what it should. */
export const middle = ({ seconds }: Timing): number => median(seconds);

/** The middle of the same tool's runs beside those of fxfer; NaN without one of them. */
export function ofFxfer(timing: Timing, all: readonly Timing[]): number {
  const { work, way } = timing;
  const base = all.find((one) => one.work === work && one.way === way && one.tool === "fxfer");
  return base === undefined ? NaN : middle(timing) / middle(base);
}

/** The table, the fastest first. */
export function timingLines(all: readonly Timing[]): string[] {
  const cell = (value: number) => Number.isFinite(value) ? value.toFixed(2) : "";
  const works = [...new Set(all.map(({ work, way }) => `${way} ${work}`))];
  const rows = works.flatMap((name) =>
    all.filter(({ work, way }) => `${way} ${work}` === name)
      .toSorted((a, b) => middle(a) - middle(b))
      .map((timing) => [
        name,
        timing.tool,
        cell(middle(timing)),
        cell(ofFxfer(timing, all)),
        cell(Math.min(...timing.seconds)),
        cell(Math.max(...timing.seconds)),
        `${timing.faults.length}`,
      ])
  );
  return renderCells(["work", "tool", "s", "of fxfer", "least", "most", "failed"], rows);
}
