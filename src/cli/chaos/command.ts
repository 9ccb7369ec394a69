/** `fxfer chaos`: the fault proxy as a program. @module */
import type { Endpoint } from "../../address.ts";
import { FaultProxy, type ProxyEvent } from "../../chaos/mod.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { formatBytes } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { cannot } from "../local.ts";
import { CHAOS, readChaosArgs } from "./args.ts";

/** `fxfer chaos`. */
export const CHAOS_COMMAND: Command = { spec: CHAOS, run: runChaos };

async function runChaos(args: ParsedArgs, { out }: Output): Promise<number> {
  const { listen, to, plan, json } = readChaosArgs(args);
  const tell = (event: ProxyEvent | Listening) =>
    out.line(json ? JSON.stringify(event) : inWords(event));
  await using proxy = await FaultProxy.listen({ ...listen, target: to, plan, onEvent: tell })
    .catch(cannot(`listen on ${listen.hostname}:${listen.port}`));
  tell({ type: "listening", hostname: listen.hostname, port: proxy.port, to });
  const stopped = Promise.withResolvers<void>();
  using _signals = onStop(() => stopped.resolve());
  await stopped.promise;
  return 0;
}

/** The first line of output: the proxy listens. */
interface Listening extends Endpoint {
  readonly type: "listening";
  readonly to: Endpoint;
}

function inWords(event: ProxyEvent | Listening): string {
  switch (event.type) {
    case "listening":
      return `listening on ${event.hostname}:${event.port}, to ${event.to.hostname}:${event.to.port}`;
    case "open":
      return `connection ${event.connection}: open`;
    case "fault": {
      const { kind, after, ms } = event.fault;
      const time = ms === undefined ? "" : ` for ${ms} ms`;
      return `connection ${event.connection}: ${kind} after ${formatBytes(after)} ` +
        `${event.direction}${time}`;
    }
    case "closed":
      return `connection ${event.connection}: closed, ${formatBytes(event.up)} up, ` +
        `${formatBytes(event.down)} down`;
  }
}
