/** Starts the server that kills or stops itself. @module */
import { fileURLToPath } from "node:url";
import type { Dying } from "./dying_server.ts";

const PROGRAM = fileURLToPath(new URL("dying_server.ts", import.meta.url));

/** Starts the program; gives its port and its end. */
export async function startDying(
  dying: Dying,
): Promise<{ port: number; pid: number; ended: Promise<Deno.CommandStatus> }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, JSON.stringify(dying)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await lines.read();
  const ended = (async () => {
    while (!(await lines.read()).done);
    return await child.status;
  })();
  return { port: Number(value), pid: child.pid, ended };
}
