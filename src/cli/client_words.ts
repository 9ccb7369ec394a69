/** What a client's event means to people. Pure. @module */
import type { ClientEvent } from "../client/mod.ts";
import { CODES, isCode } from "../errors.ts";
import { formatBytes, formatDuration } from "../text.ts";

/** An event as a sentence; undefined for events that people need not know. */
export function inWords(event: ClientEvent): string | undefined {
  switch (event.type) {
    case "retrying": {
      const pause = formatDuration(event.delayMs / 1000);
      const { code, error } = event;
      const why = code === "connection_lost" ? error.message : CODES[code].message;
      return `${why}: try ${event.attempt} in ${pause}`;
    }
    case "resumed":
      return event.offset === 0 ? undefined : `goes on at ${formatBytes(event.offset)}`;
    case "grown":
      return `grew meanwhile, the ${formatBytes(event.size)} it had at first are sent`;
    case "degraded": {
      const mayPass = isCode(event.reason) && CODES[event.reason].class === "retry";
      const rest = mayPass ? ", and those that need one wait" : "";
      return `no session to be had (${event.reason}): files go without one${rest}`;
    }
    case "moved":
      return `the session has moved: it goes on at ${event.address}`;
    case "session_lost":
      return `${CODES[event.code].message}: unfinished files start over in a new session`;
    case "notice":
      return `the server says: ${CODES[event.code].message}`;
    case "refused":
      return CODES[event.code].class === "retry"
        ? `${CODES[event.code].message}, sent again`
        : undefined;
    default:
      return undefined;
  }
}
