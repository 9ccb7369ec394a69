/** Chooses the handler of a request by version and mode; no other file asks for the server's mode. @module */
import { FxferError } from "../errors.ts";
import { SUPPORTED_VERSIONS } from "../protocol/mod.ts";
import {
  type ConnectionContext,
  degrade,
  type FallbackTerms,
  type Reply,
  type Request,
  type RequestHandler,
} from "../handler/mod.ts";

/** Which modes a server offers.
 * @category Server */
export type ServerMode = "stateless" | "stateful" | "dual";

/** The handlers of one server; an absent one is a mode that is not offered.
 * @category Server */
export interface Routes {
  /** Serves requests without a session. */
  readonly stateless?: RequestHandler | undefined;
  /** Serves sessions. */
  readonly stateful?: RequestHandler | undefined;
  /** Serves the older wire. */
  readonly v1?: RequestHandler | undefined;
}

/** Which of its handlers a dispatcher uses. What is off is refused as if there were no handler.
 * @category Server */
export interface Offers {
  /** Requests without a session. @default {true} */
  readonly stateless: boolean;
  /** New sessions: sessions that exist go on to their end. @default {true} */
  readonly sessions: boolean;
  /** The older wire. @default {true} */
  readonly v1: boolean;
  /** Actions that are off: they are refused, and the terms do not offer them (S-FEA-1). @default none */
  readonly off?: ReadonlySet<string> | undefined;
}

/**
 * Hands each request to the handler of its version and mode. {@linkcode serve} has one inside.
 *
 * @example A server from its parts
 * ```ts
 * import { DEFAULT_CLOCKS, DiskStorage, Dispatcher, Server, StatelessHandler } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   const options = { instance: "one", maxRequestSize: 1024 };
 *   const routes = { stateless: new StatelessHandler(storage, options) };
 *   const handler = new Dispatcher(routes, { storage, options });
 *   const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 *   const limits = { maxConnections: 10, drainTimeoutMs: 1000, keepaliveMs: 30_000 };
 *   const settings = { ...limits, clocks: DEFAULT_CLOCKS, v1Ack: "eof" } as const;
 *   await using server = new Server(listener, handler, settings);
 *   console.assert(server.connections === 0);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Server
 */
export class Dispatcher implements RequestHandler {
  readonly #routes: Routes;
  readonly #fallback: FallbackTerms;
  /** What is on at this moment. */
  offers: Offers = { stateless: true, sessions: true, v1: true };

  /** Chooses among handlers, which the caller disposes of. @param fallback For clients that allow one. */
  constructor(routes: Routes, fallback: FallbackTerms) {
    this.#routes = routes;
    this.#fallback = fallback;
  }

  /** Hands a request on, or refuses it. */
  handle(request: Request, context: ConnectionContext): Reply | Promise<Reply> {
    if (request.version === 1) {
      const handler = this.#routes.v1;
      if (handler !== undefined && this.offers.v1) return handler.handle(request, context);
      // S-VER-4: no silent downgrade.
      const error = new FxferError("unsupported_version", "Cannot serve version 1: it is off", {
        fields: { supported: SUPPORTED_VERSIONS.filter((version) => version !== "1.0") },
      });
      context.interrupt(error);
      throw error;
    }
    const { frame } = request;
    if (frame.refusal !== undefined) throw frame.refusal;
    const { mode, id } = frame.header.session;
    const handler = this.#routes[mode];
    const isOn = mode === "stateless"
      ? this.offers.stateless
      : this.offers.sessions || frame.action !== "connect" || id !== null;
    const { off } = this.offers;
    if (off?.has(frame.action)) {
      throw new FxferError(
        "unsupported_feature",
        `Cannot serve frame: ${frame.action} is switched off`,
        { fields: { name: frame.action } },
      );
    }
    if (handler !== undefined && isOn) {
      const reply = handler.handle(request, context);
      if (frame.action !== "connect" || off === undefined || off.size === 0) return reply;
      return reply instanceof Promise
        ? reply.then((reply) => without(reply, off))
        : without(reply, off);
    }
    const error = new FxferError("mode_not_allowed", `Cannot serve frame: ${mode} mode is off`);
    const fallsBack = this.#routes.stateless !== undefined && this.offers.stateless;
    if (frame.action !== "connect" || !fallsBack) throw error;
    return degrade(this.#fallback, frame.data, context, error);
  }

  /** Tells every handler that a connection is over. */
  async closed(context: ConnectionContext): Promise<void> {
    const { stateless, stateful, v1 } = this.#routes;
    for (const route of [stateful, stateless, v1]) await route?.closed?.(context);
  }
}

/** The reply to a connect without the features that are off. */
function without(reply: Reply, off: ReadonlySet<string>): Reply {
  const { features } = reply.body;
  if (!Array.isArray(features)) return reply;
  return { ...reply, body: { ...reply.body, features: features.filter((name) => !off.has(name)) } };
}
