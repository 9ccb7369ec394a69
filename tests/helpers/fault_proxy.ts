/** The fault proxy as tests import it: the program's own. @module */
import { type ConnectionPlan, FaultProxy, type ProxyEvent } from "../../src/chaos/mod.ts";
import { EventLog } from "./event_log.ts";

export {
  type ConnectionPlan,
  type Direction,
  type DirectionRules,
  type Fault,
  type FaultKind,
  FaultProxy,
  type FaultProxyOptions,
  type ProxyEvent,
} from "../../src/chaos/mod.ts";

/** A proxy and what happens in it. */
export interface WatchedProxy extends AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly events: EventLog<ProxyEvent>;
}

/** Puts a proxy before a server of this machine. */
export async function proxied(
  { port }: { readonly port: number },
  plan: (connection: number) => ConnectionPlan,
): Promise<WatchedProxy> {
  const events = new EventLog<ProxyEvent>();
  const proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port },
    plan,
    onEvent: (event) => events.push(event),
  });
  return { proxy, events, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
}
