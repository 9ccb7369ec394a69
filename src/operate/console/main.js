/** The frame of the console: logging in, the pages, and which one is shown. */
import { html, render, useEffect, useState } from "./preact.js";
import { ask } from "./api.js";
import { Overview } from "./overview.js";
import { Session } from "./session.js";
import { Sessions } from "./sessions.js";
import { Settings } from "./settings.js";
import { Events } from "./events.js";
import { Files } from "./files.js";
import { Keys } from "./keys.js";

const PAGES = [
  ["overview", "Overview", Overview],
  ["sessions", "Sessions", Sessions],
  ["files", "Files", Files],
  ["keys", "Keys", Keys],
  ["settings", "Settings", Settings],
  ["events", "Events", Events],
];

/** The words behind `#/`. */
function useRoute() {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [route, setRoute] = useState(read());
  useEffect(() => {
    const changed = () => setRoute(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

function Login({ onDone, version }) {
  const [token, setToken] = useState("");
  const [fault, setFault] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    try {
      await ask("/login", { method: "POST", body: { token } });
      onDone();
    } catch ({ message }) {
      setFault(message);
    }
  };
  return html`
    <main class="login">
      <h1>fxfer</h1>
      <form onSubmit=${submit}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          autofocus
          required
          value=${token}
          onInput=${({ target }) => setToken(target.value)}
        />
        <button class="primary">Log in</button>
        <p class="fault" role="alert">${fault}</p>
      </form>
      <p
        class="dim">The token is in the file that <code>admin.token_file</code> names. fxfer ${version}</p>
    </main>
  `;
}

function App() {
  const [page = "overview", detail] = useRoute();
  const [login, setLogin] = useState({ state: "unknown", needed: false, version: "" });
  const look = async () => {
    try {
      const { needed, version } = await ask("/login");
      const inside = !needed || await ask("/overview").then(() => true, () => false);
      setLogin({ state: inside ? "in" : "out", needed, version });
    } catch {
      setLogin((before) => ({ ...before, state: "away" }));
      setTimeout(look, 2000);
    }
  };
  useEffect(() => {
    look();
    const out = () => setLogin((before) => ({ ...before, state: "out" }));
    addEventListener("logged-out", out);
    return () => removeEventListener("logged-out", out);
  }, []);
  if (login.state === "unknown") return html`<p class="login dim">…</p>`;
  if (login.state === "away") {
    return html`<p class="login" role="alert">The server does not answer.</p>`;
  }
  if (login.state === "out") return html`<${Login} version=${login.version} onDone=${look} />`;
  const [, title, Page] = PAGES.find(([name]) => name === (page || "overview")) ?? PAGES[0];
  document.title = `${detail ?? title} – fxfer`;
  return html`
    <a class="skip" href="#content">Skip to the content</a>
    <header>
      <strong class="brand">fxfer <span class="dim">${login.version}</span></strong>
      <nav aria-label="Pages">
        ${PAGES.map(([name, label]) =>
          html`<a key=${name} href=${`#/${name}`} aria-current=${
            label === title ? "page" : undefined
          }>${label}</a>`
        )}
      </nav>
      ${login.needed && html`
        <button onClick=${() => ask("/login", { method: "DELETE" }).finally(look)}>Log out</button>
      `}
    </header>
    <main id="content" tabindex="-1">
      ${page === "sessions" && detail !== undefined && detail !== ""
        ? html`<${Session} key=${detail} id=${detail} />`
        : html`<${Page} key=${page} />`}
    </main>
  `;
}

render(html`<${App} />`, document.getElementById("app"));
