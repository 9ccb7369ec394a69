/** Another process on the storage folder, which stops in the middle of a commit. @module */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { until } from "../helpers/serving.ts";
import type { Halting } from "./halting_program.ts";

const PROGRAM = fileURLToPath(new URL("halting_program.ts", import.meta.url));

function spawn(told: Halting): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, JSON.stringify(told)],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

/** What is told besides the folder; the rest is a small file in one piece, at level `process`. */
export type Told = Partial<Halting> & Pick<Halting, "folder" | "step">;

const REST = { durability: "process", pieces: false, text: "the file" } as const;

/** Runs the process until it has killed itself. */
export async function die(told: Told): Promise<void> {
  const { signal } = await spawn({ ...REST, ...told, signal: "SIGKILL" }).status;
  assert.equal(signal, "SIGKILL");
}

/** A process that stands still. */
export interface Frozen extends AsyncDisposable {
  /** Lets it go on, to its end. */
  thaw(): Promise<void>;
  /** Kills it, unless it has ended. */
  die(): Promise<void>;
}

/** Runs the process until it stands still. */
export async function freeze(told: Told): Promise<Frozen> {
  const child = spawn({ ...REST, ...told, signal: "SIGSTOP" });
  let status: Promise<Deno.CommandStatus> | undefined = child.status;
  const state = () => Deno.readTextFileSync(`/proc/${child.pid}/stat`).split(") ")[1]?.[0];
  await until(() => state() === "T", "the process stands still");
  const die = async () => {
    if (status === undefined) return;
    Deno.kill(child.pid, "SIGKILL");
    await status;
    status = undefined;
  };
  return {
    die,
    [Symbol.asyncDispose]: die,
    async thaw() {
      Deno.kill(child.pid, "SIGCONT");
      assert.equal((await status)?.code, 0);
      status = undefined;
    },
  };
}
