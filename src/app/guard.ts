/** What keeps a serving program alive. @module */
import type { Logger } from "../log.ts";

/**
 * Until disposed, an error that no part of the program has caught is logged as `error.uncaught` and
 * does not end the process: the connections of all clients are worth more than the part that failed.
 */
export function keepServing(log: Logger): Disposable {
  const refused = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    log.error("error.uncaught", { cause: event.reason });
  };
  const thrown = (event: ErrorEvent) => {
    event.preventDefault();
    log.error("error.uncaught", { cause: event.error });
  };
  globalThis.addEventListener("unhandledrejection", refused);
  globalThis.addEventListener("error", thrown);
  return {
    [Symbol.dispose]() {
      globalThis.removeEventListener("unhandledrejection", refused);
      globalThis.removeEventListener("error", thrown);
    },
  };
}
