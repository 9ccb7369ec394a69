/** The stored files: found by their names, saved, removed. */
import { html, useState } from "./preact.js";
import { ask, usePolled } from "./api.js";
import { bytes, span } from "./format.js";
import { Danger, Fault, Pager } from "./parts.js";

const linkOf = (path) => `/files/${path.split("/").map(encodeURIComponent).join("/")}`;

export function Files() {
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState("newest");
  const [pages, setPages] = useState([""]);
  const query = new URLSearchParams({ limit: "50", order });
  if (search !== "") query.set("prefix", search);
  if (pages.at(-1) !== "") query.set("after", pages.at(-1));
  const { data, error, again } = usePolled(`/files?${query}`, 5000);
  const files = data?.files ?? [];
  const first = (set) => ({ target }) => {
    set(target.value);
    setPages([""]);
  };
  return html`
    <h1>Files</h1>
    <form class="row" onSubmit=${(event) => event.preventDefault()}>
      <label>
        Name begins with
        <input type="search" value=${search} onInput=${first(setSearch)} />
      </label>
      <label>
        Order
        <select onChange=${first(setOrder)}>
          <option value="newest" selected=${order === "newest"}>newest first</option>
          <option value="name" selected=${order === "name"}>by name</option>
        </select>
      </label>
    </form>
    <${Fault} error=${error} />
    <div class="scroll" tabindex="0" role="region" aria-label="Files">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">Size</th>
            <th scope="col" class="number">Age</th>
            <th scope="col">User</th>
            <th scope="col">Type</th>
            <th scope="col"><span class="hidden">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          ${files.map((file) => {
            const name = file.name ?? file.path;
            return html`
              <tr key=${file.path}>
                <th scope="row" class="name" title=${`${file.path}, SHA-256 ${file.sha256}`}>
                  <a href=${`/api/v1${linkOf(file.path)}`} download>${name}</a>
                </th>
                <td class="number">${bytes(file.size)}</td>
                <td class="number">${span(file.stored_at)}</td>
                <td>${file.user ?? ""}</td>
                <td>${file.mime_type}</td>
                <td>
                  <${Danger}
                    label="Remove…"
                    question=${`Remove ${name} (${bytes(file.size)})? Its bytes are gone for good.`}
                    confirm="Remove it"
                    run=${async () => {
                      await ask(linkOf(file.path), { method: "DELETE" });
                      again();
                    }}
                  />
                </td>
              </tr>
            `;
          })}
        </tbody>
      </table>
    </div>
    ${data !== undefined && files.length === 0 && html`<p class="dim">No files.</p>`}
    <${Pager} pages=${pages} next=${data?.next} go=${setPages} />
  `;
}
