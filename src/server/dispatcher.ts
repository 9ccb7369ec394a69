/** Chooses the handler by version and mode: the one place that knows the server's mode. @module */
import { FxferError } from "../errors.ts";
import {
  type ConnectionContext,
  degrade,
  type FallbackTerms,
  type Reply,
  type Request,
  type RequestHandler,
} from "../handler/mod.ts";

/** Which modes a server offers. */
export type ServerMode = "stateless" | "stateful" | "dual";

/** The handlers of one server; an absent one is a mode that is not offered. */
export interface Routes {
  readonly stateless?: RequestHandler | undefined;
  readonly stateful?: RequestHandler | undefined;
  readonly v1?: RequestHandler | undefined;
}

/** See the module's text. */
export class Dispatcher implements RequestHandler {
  readonly #routes: Routes;
  readonly #fallback: FallbackTerms;

  constructor(routes: Routes, fallback: FallbackTerms) {
    this.#routes = routes;
    this.#fallback = fallback;
  }

  /** @inheritdoc */
  handle(request: Request, context: ConnectionContext): Reply | Promise<Reply> {
    if (request.version === 1) {
      const handler = this.#routes.v1;
      if (handler !== undefined) return handler.handle(request, context);
      // S-VER-4: no silent downgrade.
      const error = new FxferError("unsupported_version", "Cannot serve version 1: it is off", {
        fields: { supported: ["2.0"] },
      });
      context.interrupt(error);
      throw error;
    }
    const { frame } = request;
    if (frame.refusal !== undefined) throw frame.refusal;
    const handler = this.#routes[frame.header.session.mode];
    if (handler !== undefined) return handler.handle(request, context);
    const error = new FxferError(
      "mode_not_allowed",
      `Cannot serve frame: ${frame.header.session.mode} mode is off`,
    );
    if (frame.action !== "connect" || this.#routes.stateless === undefined) throw error;
    return degrade(this.#fallback, frame.data, context, error);
  }

  /** @inheritdoc */
  async closed(context: ConnectionContext): Promise<void> {
    const { stateless, stateful, v1 } = this.#routes;
    for (const route of [stateful, stateless, v1]) await route?.closed?.(context);
  }
}
