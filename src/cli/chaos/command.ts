/** `fxfer chaos`: the fault proxy as a program. @module */
import { FaultProxy, type ProxyEvent } from "../../chaos/mod.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import { formatBytes } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { cannot, whyNotListening } from "../local.ts";
import { CHAOS, readChaosArgs } from "./args.ts";

export const CHAOS_COMMAND: Command = { spec: CHAOS, run: runChaos };

async function runChaos(args: ParsedArgs, { out }: Output): Promise<number> {
  const { listen: { hostname, port }, to, plan, json } = readChaosArgs(args);
  const tell = (event: object, words: string) => out.line(json ? JSON.stringify(event) : words);
  const onEvent = (event: ProxyEvent) => tell(event, inWords(event));
  await using proxy = await FaultProxy.listen({ hostname, port, target: to, plan, onEvent })
    .catch(cannot(`listen on ${hostname}:${port}`, whyNotListening));
  tell(
    { type: "listening", hostname, port: proxy.port, to },
    `listening on ${hostname}:${proxy.port}, to ${to.hostname}:${to.port}`,
  );
  const stopped = Promise.withResolvers<void>();
  using _signals = onStop(() => stopped.resolve());
  await stopped.promise;
  return 0;
}

function inWords(event: ProxyEvent): string {
  const connection = `connection ${event.connection}`;
  if (event.type === "open") return `${connection}: open`;
  if (event.type === "closed") {
    return `${connection}: closed, ${formatBytes(event.up)} up, ${formatBytes(event.down)} down`;
  }
  const { kind, after, ms } = event.fault;
  const time = ms === undefined ? "" : ` for ${ms} ms`;
  return `${connection}: ${kind} after ${formatBytes(after)} ${event.direction}${time}`;
}
