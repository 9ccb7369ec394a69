/** The sessions of all servers that share the store, as a table that is always new. */
import { html, useState } from "./preact.js";
import { usePolled } from "./api.js";
import { bytes, progress, span } from "./format.js";
import { Fault, Pager } from "./parts.js";

const STATES = ["Authenticated", "Active", "Detached", "Timeout", "Disconnected"];

export function Sessions() {
  const [state, setState] = useState("");
  const [address, setAddress] = useState("");
  const [pages, setPages] = useState([""]);
  const ended = state === "Timeout" || state === "Disconnected";
  const query = new URLSearchParams({ limit: "50", after: pages.at(-1) });
  if (state !== "") query.set("state", state);
  if (ended) query.set("ended", "1");
  if (address !== "") query.set("address", address);
  const { data, error } = usePolled(`/sessions?${query}`, 2000);
  const sessions = data?.sessions ?? [];
  return html`
    <h1>Sessions</h1>
    <form class="row" onSubmit=${(event) => event.preventDefault()}>
      <label>
        State
        <select value=${state} onChange=${({ target }) => {
          setState(target.value);
          setPages([""]);
        }}>
          <option value="">all that live</option>
          ${STATES.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      </label>
      <label>
        Address
        <input value=${address} placeholder="any" onChange=${({ target }) => {
          setAddress(target.value.trim());
          setPages([""]);
        }} />
      </label>
    </form>
    <${Fault} error=${error} />
    <div class="scroll" tabindex="0" role="region" aria-label="Sessions">
      <table>
        <thead>
          <tr>
            <th scope="col">Session</th>
            <th scope="col">State</th>
            <th scope="col">Address</th>
            <th scope="col" class="number">Files</th>
            <th scope="col" class="number">Bytes</th>
            <th scope="col">Under way</th>
            <th scope="col" class="number">Age</th>
          </tr>
        </thead>
        <tbody>
          ${sessions.map((each) =>
            html`
              <tr key=${each.id}>
                <th scope="row"><a href=${`#/sessions/${each.id}`}><code>${each.id}</code></a></th>
                <td><span class=${`state ${each.state}`}>${each.state}</span></td>
                <td>${each.address}</td>
                <td class="number">${each.files}</td>
                <td class="number">${bytes(each.bytes)}</td>
                <td>${each.upload && `${each.upload.name ?? "?"} ${progress(each.upload)}`}</td>
                <td class="number">${span(each.created_at)}</td>
              </tr>
            `
          )}
        </tbody>
      </table>
    </div>
    ${data !== undefined && sessions.length === 0 && html`<p class="dim">No sessions.</p>`}
    <${Pager} pages=${pages} next=${data?.next} go=${setPages} />
  `;
}
