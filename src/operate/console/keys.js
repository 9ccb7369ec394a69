/** The users with keys: what they may do, what they have used up, and taking a key away. */
import { html } from "./preact.js";
import { ask, usePolled } from "./api.js";
import { bytes } from "./format.js";
import { Bar, Danger, Fault } from "./parts.js";

export function Keys() {
  const { data, error, again } = usePolled("/keys", 5000);
  const keys = data?.keys ?? [];
  return html`
    <h1>Keys</h1>
    <${Fault} error=${error} />
    <div class="scroll" tabindex="0" role="region" aria-label="Keys">
      <table>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">May</th>
            <th scope="col">Stored</th>
            <th scope="col">Ends</th>
            <th scope="col"><span class="hidden">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          ${keys.map((key) =>
            html`
              <tr key=${key.name}>
                <th scope="row">${key.name}</th>
                <td>${key.can.join(", ")}</td>
                <td>
                  ${bytes(key.used_bytes)}${key.quota_bytes === null
                    ? ""
                    : ` of ${bytes(key.quota_bytes)}`}
                  ${key.quota_bytes !== null && key.used_bytes !== null &&
                    html`<${Bar} label=${`Quota of ${key.name}`} value=${key.used_bytes} max=${key.quota_bytes} />`}
                </td>
                <td>${key.until === null ? "never" : new Date(key.until).toLocaleDateString()}</td>
                <td>
                  <${Danger}
                    label="Take away…"
                    question=${`Take the key of ${key.name} away until the next start? Its sessions end. ` +
                      "To keep it so, take its line out of the file of keys as well."}
                    confirm="Take it away"
                    run=${async () => {
                      await ask(`/keys/${encodeURIComponent(key.name)}`, { method: "DELETE" });
                      again();
                    }}
                  />
                </td>
              </tr>
            `
          )}
        </tbody>
      </table>
    </div>
    ${data !== undefined && keys.length === 0 && html`
      <p
        class="dim">No keys: <code>security.keys</code> names a file of them, <code>fxfer key new</code> makes one.</p>
    `}
  `;
}
