/** What happens in the server, as it happens. */
import { html, useState } from "./preact.js";
import { useEvents } from "./api.js";
import { clock, factsOf } from "./format.js";
import { SESSION_EVENTS } from "./session.js";

/** The events of the server besides those of sessions. */
const TYPES = [
  ...SESSION_EVENTS,
  ...["opened", "refused", "degraded", "closed"].map((verb) => `connection.${verb}`),
  ...["request.refused", "limit.reached", "store.lost", "store.back", "storage.swept"],
  ...["degraded", "recovered", "signal", "stopping", "stopped"].map((verb) => `server.${verb}`),
  ...["settings.changed", "settings.refused"],
  ...["started", "back", "died", "hangs"].map((verb) => `worker.${verb}`),
];

export function Events() {
  const { events, connected } = useEvents("", 300, TYPES);
  const [held, setHeld] = useState();
  const [search, setSearch] = useState("");
  const wanted = search.toLowerCase();
  const shown = (held ?? events).filter((event) =>
    JSON.stringify(event).toLowerCase().includes(wanted)
  );
  return html`
    <h1>Events <span class="dim">${connected ? "live" : "connecting…"}</span></h1>
    <form class="row" onSubmit=${(event) => event.preventDefault()}>
      <label>
        Search
        <input type="search" value=${search} onInput=${({ target }) => setSearch(target.value)} />
      </label>
      <button type="button" aria-pressed=${held !== undefined}
        onClick=${() => setHeld(held === undefined ? events : undefined)}>
        ${held === undefined ? "Hold" : "Go on"}
      </button>
    </form>
    <ol class="events">
      ${shown.map((event) =>
        html`
          <li key=${event.id}>
            <time>${clock(event.ts)}</time>
            <span class="rule">${event.rule ?? ""}</span>
            <span>
              <b>${event.type}</b>${" "}
              ${event.session !== undefined && html`
                <a href=${`#/sessions/${event.session}`}><code>${event.session}</code></a>
              `}
              ${" "}${factsOf(event)}
            </span>
          </li>
        `
      )}
    </ol>
    ${shown.length === 0 &&
      html`<p class="dim">Nothing has happened since this page was opened.</p>`}
  `;
}
