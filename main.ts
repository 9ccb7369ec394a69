/**
 * The fxfer program: `fxfer serve`, `fxfer send` and the rest; see `fxfer --help`.
 *
 * @module
 */
import { run } from "./src/cli/mod.ts";

if (import.meta.main) {
  // Ends the process even where something still waits: `run` has closed what must be closed.
  Deno.exit(await run(Deno.args));
}
