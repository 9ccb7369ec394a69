/** One session: its state machine, its numbers and its events, as they happen. */
import { html, useEffect } from "./preact.js";
import { ask, useEvents, usePolled } from "./api.js";
import { bytes, clock, factsOf, progress, span } from "./format.js";
import { Machine, Window } from "./machine.js";
import { Bar, Danger, Fault } from "./parts.js";

/** The events that a session may have. */
export const SESSION_EVENTS = [
  ...["created", "resumed", "taken_over", "renewed", "detached", "fenced", "moved", "expired"]
    .concat("revoked", "closed", "forgotten").map((verb) => `session.${verb}`),
  ...["begun", "checkpointed", "announced", "stored", "replayed", "refused", "dropped"]
    .map((verb) => `transfer.${verb}`),
];

export function Session({ id }) {
  const { data, error, again } = usePolled(`/sessions/${id}`, 2000);
  const { data: settings } = usePolled("/settings", 60_000);
  const { events, connected } = useEvents(`?session=${id}`, 100, SESSION_EVENTS);
  // What an event has changed is looked at when it is told, and not two seconds later.
  useEffect(() => {
    if (events.length > 0) again();
  }, [events[0]?.id]);
  if (data === undefined) {
    return html`
      <h1>Session <code>${id}</code></h1>
      <${Fault} error=${error} />
    `;
  }
  const moved = events.find(({ to }) => to !== undefined);
  const ended = ["Timeout", "Disconnected", "Cleanup"].includes(data.state);
  const inflight = settings?.settings.find(({ path }) => path === "stateful.max_inflight")?.value ??
    16;
  const facts = [
    ["Client", data.address],
    ["Server", data.instance ?? "not connected"],
    ["Age", span(data.created_at)],
    ["Last heard", `${span(data.last_activity_at)} ago`],
    ...(data.expires_at ? [["Expires in", span(data.expires_at)]] : []),
    ["Epoch", data.epoch],
    ["Files", `${data.files}, ${bytes(data.bytes)}`],
    ["Messages", data.messages],
    ["Keep-alive", `${data.keepalive_s} s`],
    ["Expiry", `${data.expiry_s} s`],
    ["Comes back by", data.has_secret ? "its secret" : "its address"],
    ...(data.moved_to ? [["Moved to", data.moved_to]] : []),
    ...(data.revoked ? [["Ended by", "an operator"]] : []),
  ];
  return html`
    <p><a href="#/sessions">All sessions</a></p>
    <h1>Session <code>${id}</code> <span class=${`state ${data.state}`}>${data.state}</span></h1>
    <${Fault} error=${error} />
    <div class="two">
      <section aria-label="State machine">
        <${Machine} state=${data.state} before=${moved?.from === data.state
          ? undefined
          : moved?.from} />
      </section>
      <section>
        <dl class="facts">
          ${facts.map(([name, value]) =>
            html`
              <dt>${name}</dt>
              <dd>${value}</dd>
            `
          )}
        </dl>
        ${data.upload && html`
          <p>
            Receiving <b>${data.upload.name ?? "a file"}</b> (${data.upload.mime_type}):
            ${bytes(data.upload.offset)} are safe${data.upload.length === null
              ? ""
              : ` of ${bytes(data.upload.length)}, ${progress(data.upload)}`}
            <${Bar} label="Received" value=${data.upload.offset} max=${data.upload.length ?? 0} />
          </p>
        `}
        ${!ended && html`
          <${Danger}
            label="Revoke…"
            question=${`End session ${id}? Its client is told session_revoked and cannot come back to it.`}
            confirm="Revoke it"
            run=${async () => {
              await ask(`/sessions/${id}`, { method: "DELETE" });
              again();
            }}
          />
        `}
      </section>
    </div>
    <section>
      <h2>Sequence numbers</h2>
      <${Window} replies=${data.replies} sequence=${data
        .sequence} inflight=${inflight} ended=${ended} />
      <p class="dim">
        Filled: the reply is kept, and a repeated request gets it again. Outlined: the next one to run.
        Dotted: a client may send it already.
      </p>
    </section>
    <section>
      <h2>Events <span class="dim">${connected ? "live" : "connecting…"}</span></h2>
      <ol class="events" aria-live="polite" aria-relevant="additions">
        ${events.map((event) =>
          html`
            <li key=${event.id}>
              <time>${clock(event.ts)}</time>
              <span class="rule">${event.rule ?? ""}</span>
              <span>
                <b>${event.type}</b>
                ${event.from !== undefined && event.from !== event.to
                  ? html`
                    <span class="step">${event.from} → ${event.to}</span>
                  `
                  : ""}
                ${" "}${factsOf(event)}
              </span>
            </li>
          `
        )}
      </ol>
      ${events.length === 0 && html`<p class="dim">None since this page was opened.</p>`}
    </section>
  `;
}
