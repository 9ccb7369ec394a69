/** Every setting with what it means; those that can change while the server runs have a field. */
import { html, useState } from "./preact.js";
import { ask, usePolled } from "./api.js";
import { settingText } from "./format.js";
import { Fault } from "./parts.js";

function Row({ setting, onChanged }) {
  const [text, setText] = useState();
  const [error, setError] = useState();
  const now = settingText(setting.value);
  const shown = text ?? now;
  const save = async (event) => {
    event.preventDefault();
    try {
      await ask("/settings", { method: "PATCH", body: { [setting.path]: shown } });
      setText(undefined);
      setError(undefined);
      onChanged();
    } catch (caught) {
      setError(caught.faults?.[0] ?? caught);
    }
  };
  const changed = now !== settingText(setting.default);
  const only = setting.words.length > 1 && setting.values.startsWith("one of");
  const field = { "aria-label": setting.path, onInput: ({ target }) => setText(target.value) };
  return html`
    <li class=${changed ? "changed" : ""}>
      <div>
        <code>${setting.path}</code>
        <p>${setting.about}</p>
        <p class="dim">${setting.values}; default ${settingText(setting.default) || "none"}</p>
      </div>
      ${setting.live
        ? html`
          <form onSubmit=${save}>
            ${only || (setting.words.length > 1 && !/number|seconds|bytes/.test(setting.values))
              ? html`<select ...${field}>
                ${
                setting.words.map((word) =>
                  html`<option key=${word} value=${word} selected=${
                    word === shown
                  }>${word}</option>`
                )
              }
              </select>`
              : html`<input ...${field} value=${shown} />`}
            <button disabled=${shown === now}>Change</button>
            <${Fault} error=${error} />
          </form>
        `
        : html`<div class="fixed"><span>${
          now || "none"
        }</span><span class="dim">takes a restart</span></div>`}
    </li>
  `;
}

export function Settings() {
  const { data, error, again } = usePolled("/settings", 10_000);
  const [search, setSearch] = useState("");
  const [kind, setKind] = useState("live");
  const wanted = search.toLowerCase();
  const settings = (data?.settings ?? []).filter((setting) =>
    (kind !== "live" || setting.live) &&
    (kind !== "changed" || settingText(setting.value) !== settingText(setting.default)) &&
    `${setting.path} ${setting.about}`.toLowerCase().includes(wanted)
  );
  return html`
    <h1>Settings</h1>
    <p>A change holds until the next reload or restart; to keep it, write it into config.yaml as well.</p>
    <form class="row" onSubmit=${(event) => event.preventDefault()}>
      <label>
        Search
        <input type="search" value=${search} onInput=${({ target }) => setSearch(target.value)} />
      </label>
      <label>
        Show
        <select value=${kind} onChange=${({ target }) => setKind(target.value)}>
          <option value="live">those that can change now</option>
          <option value="changed">those that differ from their default</option>
          <option value="all">all</option>
        </select>
      </label>
    </form>
    <${Fault} error=${error} />
    <ul class="settings">
      ${settings.map((setting) =>
        html`<${Row} key=${setting.path} setting=${setting} onChanged=${again} />`
      )}
    </ul>
    ${data !== undefined && settings.length === 0 && html`<p class="dim">None of them.</p>`}
  `;
}
