/** The door of an embedding program before every request. @module */
import { FxferError } from "../errors.ts";
import type {
  ConnectionContext,
  Reply,
  Request,
  RequestHandler,
  V1Request,
  V2Request,
} from "../handler/mod.ts";

/** A request whose payload nobody has read.
 * @category Server */
export type UnreadRequest = Omit<V1Request, "payload"> | Omit<V2Request, "payload">;

/**
 * Says whether a request may be served; `false`, or a promise of it, means no. To answer with another
 * code than `unauthorized` it throws an {@linkcode FxferError}.
 * @category Server
 */
export type Authorize = (
  request: UnreadRequest,
  context: ConnectionContext,
) => boolean | void | Promise<boolean | void>;

/** Asks before every request that `handler` would serve. */
export function authorizing(handler: RequestHandler, authorize: Authorize): RequestHandler {
  return {
    async handle(request: Request, context: ConnectionContext): Promise<Reply> {
      if (await authorize(request, context) === false) {
        throw new FxferError("unauthorized", "Cannot serve request: it is not allowed here");
      }
      return await handler.handle(request, context);
    },
    closed: (context) => handler.closed?.(context),
  };
}
