/** How many workers a server has. Known before any of their modules is loaded. @module */
import type { Config } from "../../config/mod.ts";
import { FxferError } from "../../errors.ts";

/**
 * How many workers there will be on this machine.
 *
 * @throws {FxferError} `config_invalid` when they could not serve as one server.
 */
export function workerCount(
  { server }: Config,
  { os, cores }: { readonly os: string; readonly cores: number },
): number {
  if (server.workers === "auto" && os !== "linux") return 1;
  const count = server.workers === "auto" ? cores : server.workers;
  if (count === 1) return 1;
  if (os === "linux") return count;
  throw new FxferError(
    "config_invalid",
    `Cannot use configuration: server.workers is ${count}, and only Linux spreads connections over ` +
      "them; set it to 1 or auto",
  );
}
