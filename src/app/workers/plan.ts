/** How many workers a configuration asks for, and what each is given. Pure. @module */
import type { Config } from "../../config/mod.ts";
import { FxferError } from "../../errors.ts";

/**
 * How many workers there will be on this machine.
 *
 * @throws {FxferError} `config_invalid` when they could not serve as one server.
 */
export function workerCount(
  { server, stateful }: Config,
  { os, cores }: { readonly os: string; readonly cores: number },
): number {
  if (server.workers === "auto" && os !== "linux") return 1;
  const count = server.workers === "auto" ? cores : server.workers;
  if (count === 1) return 1;
  if (os !== "linux") {
    throw refusal(count, "only Linux spreads connections over them; set it to 1 or auto");
  }
  if (server.mode !== "stateless" && stateful.persistence === "memory") {
    throw refusal(
      count,
      "with sessions they need a store they can share; set stateful.persistence to sqlite or redis, " +
        "or server.mode to stateless",
    );
  }
  return count;
}

function refusal(count: number, why: string): FxferError {
  return new FxferError(
    "config_invalid",
    `Cannot use configuration: server.workers is ${count}, and ${why}`,
  );
}

/**
 * The configuration of each of `count` workers on `port`. The connections of an address fall on all
 * workers, so each allows its part of the rates; together they allow about what is set. Everything else
 * is counted together (shared_memory.ts, the session store) or holds for one connection or session.
 */
export function configOfWorker(config: Config, port: number, count: number): Config {
  const { rate } = config.limits;
  const part = (value: number) => Math.max(1, Math.ceil(value / count));
  return {
    ...config,
    server: { ...config.server, port, workers: 1 },
    limits: {
      ...config.limits,
      rate: rate === "off" ? "off" : {
        connections_per_second: part(rate.connections_per_second),
        sessions_per_minute: part(rate.sessions_per_minute),
      },
    },
  };
}
