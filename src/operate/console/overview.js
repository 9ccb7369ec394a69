/** What the server does now, and did in the last hour. */
import { html, useMemo, useRef } from "./preact.js";
import { ask, usePolled } from "./api.js";
import { bytes, rate, span } from "./format.js";
import { Bar, Card, Chart, Danger, Fault } from "./parts.js";

const NAMES = ["requests", "errors", "files", "bytes"];

/** Rates a second between the last two looks; at the first look, those of the last point of the charts. */
function useRates(data) {
  const seen = useRef(undefined);
  return useMemo(() => {
    if (data === undefined) return {};
    const now = { at: performance.now(), totals: data.totals };
    const before = seen.current;
    seen.current = now;
    const of = (name) =>
      before === undefined
        ? data.history[name].at(-1) ?? 0
        : Math.max(0, (now.totals[name] - before.totals[name]) * 1000 / (now.at - before.at));
    return Object.fromEntries(NAMES.map((name) => [name, of(name)]));
  }, [data]);
}

export function Overview() {
  const { data, error } = usePolled("/overview", 2000);
  const rates = useRates(data);
  if (data === undefined) {
    return html`
      <h1>Overview</h1>
      <${Fault} error=${error} />
    `;
  }
  const { history } = data;
  const live = Object.values(data.sessions).reduce((sum, count) => sum + count, 0);
  const states = Object.entries(data.sessions).map(([state, count]) => `${count} ${state}`).join(
    ", ",
  );
  return html`
    <h1>Overview</h1>
    <${Fault} error=${error} />
    <dl class="cards">
      <${Card}
        name="State"
        value=${data.ready ? "Ready" : "Not ready"}
        note=${data.ready ? `up ${span(data.started_at)}` : `because of ${data.reason}`}
        bad=${!data.ready}
      />
      <${Card} name="Mode" value=${data.mode} note=${data.persistence
        ? `sessions in ${data.persistence}`
        : "no sessions"} />
      <${Card} name="Requests" value=${`${
        rate(rates.requests)
      }/s`} note=${`${data.totals.requests} in all`} />
      <${Card}
        name="Errors"
        value=${`${rate(rates.errors)}/s`}
        note=${`${data.totals.errors} in all`}
        bad=${rates.errors > 0.01 * rates.requests && rates.errors > 0}
      />
      <${Card} name="Received" value=${`${
        bytes(rates.bytes)
      }/s`} note=${`${data.totals.files} files in all`} />
      <${Card} name="Event loop" value=${`${data.event_loop_delay_ms} ms`} note="late" bad=${data
        .event_loop_delay_ms > 100} />
      <${Card} name="Memory" value=${bytes(data.memory_bytes)} note=${data.workers > 1
        ? `${data.workers} workers`
        : "1 worker"} />
      <${Card} name="Free on disk" value=${bytes(data.free_bytes)} note=${data.free_bytes === null
        ? "may not be asked"
        : ""} />
    </dl>
    <section class="bars">
      <p>
        <span>Sessions: ${live} of ${data.max_sessions} <span class="dim">(${states})</span></span>
        <${Bar} label="Sessions" value=${live} max=${data.max_sessions} />
      </p>
      <p>
        <span>Connections: ${data.totals.connections} of ${data.max_connections}</span>
        <${Bar} label="Connections" value=${data.totals.connections} max=${data.max_connections} />
      </p>
      ${data.budget_bytes > 0 && html`
        <p>
          <span>Storage: ${bytes(data.used_bytes)} of ${bytes(data.budget_bytes)}</span>
          <${Bar} label="Storage" value=${data.used_bytes ?? 0} max=${data.budget_bytes} />
        </p>
      `}
    </section>
    <section class="charts" aria-label="The last hour">
      <${Chart}
        title="Requests a second"
        at=${history.at}
        lines=${[["all", history.requests, "blue"], ["errors", history.errors, "red"]]}
        text=${rate}
      />
      <${Chart} title="Received a second" at=${history.at} lines=${[[
        "bytes",
        history.bytes,
        "blue",
      ]]} text=${bytes} />
      <${Chart}
        title="Sessions and connections"
        at=${history.at}
        lines=${[["sessions", history.sessions, "blue"], [
          "connections",
          history.connections,
          "amber",
        ]]}
        text=${(value) => String(Math.round(value))}
      />
      ${data.budget_bytes > 0 && html`
        <${Chart} title="Storage" at=${history.at} lines=${[[
          "used",
          history.used,
          "blue",
        ]]} text=${bytes} />
      `}
    </section>
    <section>
      <h2>Stop</h2>
      <p>
        A stop is graceful: no new connections, and uploads under way get${" "}
        <code>server.drain_timeout</code> seconds. Sessions can go on after a restart, if they are kept.
      </p>
      <${Danger}
        label="Stop the server…"
        question="Stop the server? Only somebody at its machine can start it again."
        confirm="Stop it"
        run=${() => ask("/drain", { method: "POST", body: {} })}
      />
    </section>
  `;
}
