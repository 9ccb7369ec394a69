/** Programs that are run to their end. @module */
import assert from "node:assert/strict";

/** What a run has left. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program, without input and without colours unless the options say otherwise. */
export async function ranToEnd(
  program: string | URL,
  { env, ...options }: Deno.CommandOptions,
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
    ...options,
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Runs a program of the system; fails unless it succeeds. */
export async function system(
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<void> {
  const { code, err } = await ranToEnd(program, { args: [...args], ...(cwd && { cwd }) });
  assert.equal(code, 0, err);
}

/** Makes a FIFO. */
export async function mkfifo(path: string): Promise<void> {
  await system("mkfifo", [path]);
}
