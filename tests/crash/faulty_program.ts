/** Starts the servers whose file calls fail, and gives them orders. @module */
import { fileURLToPath } from "node:url";
import { TempDir } from "../helpers/temp.ts";
import type { Answer, Command } from "./faulty_server.ts";

const PROGRAM = fileURLToPath(new URL("faulty_server.ts", import.meta.url));

/** Only src/storage gets the node:fs that is watched. */
const IMPORTS = {
  scopes: {
    [new URL("../../src/storage/", import.meta.url).href]: {
      "node:fs": new URL("file_faults_node.ts", import.meta.url).href,
    },
  },
};

/** The program. Dispose it to end it. */
export class FaultyProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #dir: TempDir;
  #rest = "";

  private constructor(child: Deno.ChildProcess, dir: TempDir) {
    this.#child = child;
    this.#dir = dir;
    this.#input = child.stdin.getWriter();
    this.#output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts it; no server is open yet. */
  static async start(): Promise<FaultyProgram> {
    const dir = await TempDir.make();
    const map = dir.join("import_map.json");
    await Deno.writeTextFile(map, JSON.stringify(IMPORTS));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `--import-map=${map}`, PROGRAM],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    return new FaultyProgram(child, dir);
  }

  /** Gives one order and waits until it is carried out. */
  async ask(command: Command): Promise<Answer> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
    for (;;) {
      const at = this.#rest.indexOf("\n");
      if (at >= 0) {
        const line = this.#rest.slice(0, at);
        this.#rest = this.#rest.slice(at + 1);
        return JSON.parse(line);
      }
      const { value, done } = await this.#output.read();
      if (done) throw new Error(`Cannot go on: the servers died in ${JSON.stringify(command)}`);
      this.#rest += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    while (!(await this.#output.read()).done);
    await this.#child.status;
    await this.#dir[Symbol.asyncDispose]();
  }
}
