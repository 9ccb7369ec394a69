/** A client that is a program: how the conformance kit runs it. @module */
import type { ClientUnderTest } from "../../conformance/mod.ts";
import { FxferError } from "../../errors.ts";
import { LATE, within } from "../../within.ts";

/** How long a client may take to send a small file, whatever is done to it. */
const PATIENCE_MS = 30_000;

/** The file is this long: small, and larger than one TCP segment. */
const FILE_BYTES = 200_000;

/** Runs a command that has `{port}` and `{file}` in it. */
export class ProgramUnderTest implements ClientUnderTest, AsyncDisposable {
  readonly bytes: Uint8Array;
  readonly #words: readonly string[];
  readonly #folder: string;

  private constructor(words: readonly string[], bytes: Uint8Array, folder: string) {
    this.#words = words;
    this.bytes = bytes;
    this.#folder = folder;
  }

  /** Writes the file that is to be sent, in a temporary folder. */
  static async make(command: string): Promise<ProgramUnderTest> {
    const words = command.trim().split(/\s+/);
    for (const mark of ["{port}", "{file}"]) {
      if (!command.includes(mark)) {
        throw new FxferError("usage", `--client: the command has no ${mark} in it`);
      }
    }
    const bytes = Uint8Array.from({ length: FILE_BYTES }, (_, at) => at * 31 ^ at >> 8);
    const folder = await Deno.makeTempDir({ prefix: "fxfer_conformance_" });
    await Deno.writeFile(`${folder}/file.bin`, bytes);
    return new ProgramUnderTest(words, bytes, folder);
  }

  async send(port: number): Promise<number | undefined> {
    const [program, ...args] = this.#words.map((word) =>
      word.replaceAll("{port}", String(port)).replaceAll("{file}", `${this.#folder}/file.bin`)
    );
    const child = this.#start(program!, args);
    const status = await within(PATIENCE_MS, child.status);
    if (status !== LATE) return status.code;
    child.kill("SIGKILL");
    await child.status;
    return undefined;
  }

  #start(program: string, args: readonly string[]): Deno.ChildProcess {
    const silent = { stdin: "null", stdout: "null", stderr: "null" } as const;
    try {
      return new Deno.Command(program, { args: [...args], ...silent }).spawn();
    } catch (cause) {
      const why = cause instanceof Deno.errors.NotFound
        ? "there is no such program"
        : cause instanceof Deno.errors.NotCapable
        ? "this program may not run others; use fxfer from source, with --allow-run"
        : "it cannot be run";
      throw new FxferError("usage", `Cannot run ${program}: ${why}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
