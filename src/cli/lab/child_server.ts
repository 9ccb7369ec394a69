/** A server for experiments: `fxfer serve` in a process of its own. @module */
import { FxferError, reasonOf } from "../../errors.ts";
import type { ServerPlan, Subject } from "../../lab/mod.ts";
import { LATE, within } from "../../within.ts";

/** How long a server may take to listen, in milliseconds. */
const START_MS = 20_000;

/** Where fxfer itself is. */
const MAIN = new URL("../../../main.ts", import.meta.url).href;

/** One tick of the processor time in /proc, in milliseconds: it has been the same for decades. */
const TICK_MS = 10;

/** Starts `fxfer serve` on a folder below `root`, and waits until it listens. */
export async function startServer(
  plan: ServerPlan,
  root: string,
  redisPort: number | undefined,
): Promise<Subject> {
  const folder = plan.folder ?? await Deno.makeTempDir({ dir: root });
  const child = spawn(plan, folder, redisPort);
  const lines = readLines(child.stderr);
  try {
    return new ChildServer(child, await portOf(lines), folder, lines);
  } catch (cause) {
    stop(child, "SIGKILL");
    const text = `Cannot start a server for the experiment: ${reasonOf(cause)}`;
    throw new FxferError("local_io", text, { cause });
  }
}

function spawn(plan: ServerPlan, cwd: string, redisPort: number | undefined): Deno.ChildProcess {
  const { store = "memory", port = 0 } = plan;
  const settings: Record<string, string | number> = {
    "limits.rate": "off",
    "stateful.persistence": store,
    ...(store === "redis" ? { "stateful.redis_url": `redis://127.0.0.1:${redisPort}` } : {}),
    ...plan.set,
  };
  const set = Object.entries(settings).map(([path, value]) => `--set=${path}=${value}`);
  const permissions = ["--no-prompt", "--allow-net", "--allow-write=storage"];
  const reading = "--allow-read=storage,config.yaml";
  const fxfer = ["run", "--quiet", ...permissions, reading, MAIN];
  const serve = ["serve", "--log-format=json", `--port=${port}`, ...set];
  try {
    return new Deno.Command(Deno.execPath(), {
      ...{ args: [...fxfer, ...serve], cwd, env: { NO_COLOR: "1" } },
      ...{ stdin: "null", stdout: "null", stderr: "piped" },
    }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    const text = "Cannot run experiments: this program may not start others; run fxfer from source";
    throw new FxferError("usage", text, { cause });
  }
}

/** The port in the line that says that the server listens. @throws {Error} With what it said instead. */
async function portOf(lines: AsyncIterator<string>): Promise<number> {
  const seen: string[] = [];
  const listening = async (): Promise<number> => {
    for (let line = await lines.next(); !line.done; line = await lines.next()) {
      seen.push(line.value);
      if (!line.value.startsWith("{")) continue;
      const event = JSON.parse(line.value);
      if (event.msg === "server.listening") return event.port;
    }
    throw new Error(seen.join("\n"));
  };
  const port = await within(START_MS, listening());
  if (port !== LATE) return port;
  throw new Error([`it does not listen after ${START_MS / 1000} s`, ...seen].join("\n"));
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

function stop(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}

class ChildServer implements Subject {
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;
  readonly port: number;
  readonly folder: string;

  constructor(
    child: Deno.ChildProcess,
    port: number,
    folder: string,
    lines: AsyncGenerator<string>,
  ) {
    this.#child = child;
    this.port = port;
    this.folder = folder;
    // What is not read would fill the pipe, and the server's log would have to wait.
    this.#log = (async () => {
      while (!(await lines.next()).done);
    })().catch(() => {});
  }

  async cpuMs(): Promise<number | undefined> {
    const text = await this.#proc("stat");
    // The second field is a name in brackets, which may have blanks in it.
    const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  async memory(): Promise<number | undefined> {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(await this.#proc("status") ?? "");
    return line === null ? undefined : Number(line[1]) * 1024;
  }

  async #proc(name: string): Promise<string | undefined> {
    return await Deno.readTextFile(`/proc/${this.#child.pid}/${name}`).catch(() => undefined);
  }

  async storedNames(): Promise<string[]> {
    const text = await Deno.readTextFile(`${this.folder}/storage/commits.jsonl`).catch(() => "");
    return text.split("\n").filter((line) => line !== "").map((line) =>
      JSON.parse(line).name ?? ""
    );
  }

  async kill(): Promise<void> {
    stop(this.#child, "SIGKILL");
    await this.#child.status;
    await this.#log;
  }

  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    stop(this.#child, "SIGCONT");
    stop(this.#child, "SIGTERM");
    const late = setTimeout(() => stop(this.#child, "SIGKILL"), 3000);
    await this.#child.status;
    clearTimeout(late);
    await this.#log;
  }
}
