/** What a client's event means, in words and with the rule's id: for `send --trace`. Pure. @module */
import type { ClientEvent } from "../../client/mod.ts";
import { CODES } from "../../errors.ts";

/** One thing that happened. */
export interface Step {
  /** The id of a rule such as `S-CON-1`, or a word where no rule stands behind it. */
  readonly rule: string;
  /** One line. */
  readonly words: string;
}

/** The step behind an event. */
export function clientStep(event: ClientEvent): Step {
  switch (event.type) {
    case "connected":
      return connectedStep(event);
    case "degraded":
      return { rule: "S-DEG-1", words: `no session (${event.reason}): stateless from here on` };
    case "connection_lost":
      return { rule: "S-DIS-1", words: `Active → Detached: ${event.error.message}` };
    case "retrying":
      return { rule: "retry", words: `${event.code}: try ${event.attempt} in ${event.delayMs} ms` };
    case "moved":
      return { rule: "retry", words: `the session has moved: it goes on at ${event.address}` };
    case "resumed":
      return { rule: "S-TRF-1", words: `a file goes on at byte ${event.offset}` };
    case "grown":
      return { rule: "source", words: `the file grew: its first ${event.size} bytes are sent` };
    case "session_lost":
      return {
        rule: "S-CON-4",
        words: `Detached → Timeout: ${event.code}, unfinished files start over`,
      };
    case "notice":
      return { rule: noticeRule(event.code), words: `the server says ${event.code}, and closes` };
    case "refused":
      return {
        rule: "S-SEQ-2",
        words: `${event.code} (${CODES[event.code].message}): the frame is sent again`,
      };
  }
}

function connectedStep(
  { mode, sessionId, resumed }: Extract<ClientEvent, { type: "connected" }>,
): Step {
  if (mode === "v1") return { rule: "S-VER-5", words: "version 1: nothing will be confirmed" };
  if (mode === "stateless") return { rule: "S-CON-6", words: "stateless: the terms are known" };
  const id = sessionId?.slice(0, 8);
  return resumed
    ? { rule: "S-CON-2", words: `Detached → Authenticated: session ${id} goes on` }
    : { rule: "S-CON-1", words: `Idle → Connected → Authenticated: session ${id} is new` };
}

function noticeRule(code: string): string {
  if (code === "session_taken_over") return "S-TAKE-3";
  return code === "server_shutting_down" ? "S-DRN-1" : "notice";
}
