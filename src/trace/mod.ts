/**
 * The trace: what happens to sessions, step by step, in words and with the rule behind each step. It
 * listens to events and to nothing else, so it cannot guess.
 *
 * @module
 */
import type { Attach, Events, ServerEvent, SessionEvent, SessionStep } from "../events.ts";
import type { Logger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";

const attached = ({ epoch, sequence, offset }: Attach): string =>
  `epoch ${epoch}, next is sequence ${sequence + 1}` +
  (offset === undefined ? "" : `, ${offset} bytes of a file are here`);

const DROPPED: Readonly<Record<ServerEvent<"transfer.dropped">["reason"], string>> = {
  cancelled: "its client has cancelled it",
  failed: "it could not be stored",
  known: "its upload id was stored before",
  lost: "its bytes are not there",
  ended: "its session has ended",
};

/** A sentence for each event that can belong to a session. */
const WORDS: { readonly [K in SessionEvent]: (event: ServerEvent<K>) => string } = {
  "session.created": ({ address, secret }) =>
    `a new session for ${address}${secret ? ", with a secret" : ""}`,
  "session.early": () => "a frame came that was sent with the connect",
  "session.resumed": (event) => `resumed by ${event.address}: ${attached(event)}`,
  "session.taken_over": (event) => `taken over by ${event.address}: ${attached(event)}`,
  "session.renewed": () => "heard of: the lease is renewed",
  "session.detached": ({ expires_ms }) =>
    `the connection is gone: it expires in ${expires_ms / 1000} s`,
  "session.fenced": ({ moved = "another process" }) =>
    `${moved} has the session: this connection saves nothing more`,
  "session.moved": ({ address }) => `it was exported to ${address}`,
  "session.expired": () => "its time is over",
  "session.revoked": () => "an operator has ended it",
  "session.closed": ({ files, bytes, messages }) =>
    `closed: ${files} files, ${bytes} bytes, ${messages} messages`,
  "session.forgotten": () => "the tombstone is gone: the id is unknown",
  "transfer.begun": () => "a file begins",
  "transfer.checkpointed": ({ offset }) => `checkpoint: ${offset} bytes are kept`,
  "transfer.announced": () => "a file is about to get its final name",
  "transfer.stored": ({ sequence, bytes, recovered }) =>
    `sequence ${sequence} ran: a file of ${bytes} bytes is stored` +
    (recovered ? ", whose commit was cut short before" : ""),
  "transfer.replayed": ({ sequence, rule }) =>
    rule === "S-SEQ-1"
      ? `sequence ${sequence} ran before: its reply is sent again`
      : `sequence ${sequence} ran: its file was stored before`,
  "transfer.refused": ({ sequence, code, reason }) => `sequence ${sequence}, ${code}: ${reason}`,
  "transfer.dropped": ({ reason }) => `the file under way is dropped: ${DROPPED[reason]}`,
  "file.fetched": ({ offset, bytes }) => `a stored file was sent: ${bytes} bytes from ${offset} on`,
  "file.listed": ({ files }) => `${files} stored files were listed`,
  "file.removed": ({ bytes }) => `a stored file of ${bytes} bytes was removed`,
};

/** `Active`, or `Active → Detached`; a new session has come all the way from Idle. */
function stateOf({ from, to }: Partial<SessionStep>): string {
  if (from === undefined || to === undefined) return "unchanged";
  if (from === "Idle") return `Idle → Connected → ${to}`;
  return from === to ? to : `${from} → ${to}`;
}

/** What an event says in words; undefined if it belongs to no session. */
export function sentenceOf(event: ServerEvent): string | undefined {
  const words = (WORDS as Record<string, (event: ServerEvent) => string>)[event.type];
  return (event as Partial<SessionStep>).session === undefined ? undefined : words?.(event);
}

/** Writes one line, `session.step`, for each step of a session, until disposed. */
export function traceEvents(events: Events, log: Logger): Disposable {
  return events.subscribe((event) => {
    const { session, rule, worker, ...step } = event as ServerEvent & Partial<SessionStep>;
    if (session === undefined) return;
    const words = sentenceOf(event);
    const state = stateOf(step);
    log.info("session.step", { ...omitUndefined({ worker }), session, state, rule, step: words });
  }, (type) => type in WORDS);
}
