/** What several pages are made of. */
import { html, useEffect, useRef, useState } from "./preact.js";

/** What went wrong, read out by screen readers. */
export function Fault({ error }) {
  return html`<p class="fault" role="alert">${error?.message ?? ""}</p>`;
}

/** A number with its name. */
export function Card({ name, value, note = "", bad = false }) {
  return html`
    <div class=${bad ? "card bad" : "card"}>
      <dt>${name}</dt>
      <dd>${value}</dd>
      <span class="dim">${note}</span>
    </div>
  `;
}

/** A bar that is full at `max`. */
export function Bar({ label, value, max }) {
  const part = max > 0 ? Math.min(100, (100 * value) / max) : 0;
  return html`<meter aria-label=${label} min="0" max="100" high="85" optimum="0" value=${part}></meter>`;
}

/** The ways to the page before and to the next one. `pages` has where each page up to this one begins. */
export function Pager({ pages, next, go }) {
  return html`
    <div class="row">
      ${pages.length > 1 && html`<button onClick=${() => go(pages.slice(0, -1))}>Back</button>`}
      ${next && html`<button onClick=${() => go([...pages, next])}>More</button>`}
    </div>
  `;
}

/** A button that asks before it does what cannot be taken back. */
export function Danger({ label, question, confirm, run }) {
  const dialog = useRef(null);
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await run();
      dialog.current?.close();
    } catch (caught) {
      setError(caught);
    }
    setBusy(false);
  };
  return html`
    <button class="danger" onClick=${() => dialog.current.showModal()}>${label}</button>
    <dialog ref=${dialog} aria-label=${label}>
      <p>${question}</p>
      <${Fault} error=${error} />
      <div class="row">
        <button autofocus onClick=${() => dialog.current.close()}>Cancel</button>
        <button class="danger" disabled=${busy} onClick=${go}>${confirm}</button>
      </div>
    </dialog>
  `;
}

/** The lines of a chart over time; `lines` are [name, values, class of the colour]. */
export function Chart({ title, at, lines, text }) {
  const place = useRef(null);
  useEffect(() => {
    if (at.length < 2) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour("dim"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1 },
      font: "12px system-ui",
    };
    const width = place.current.clientWidth;
    const chart = new uPlot(
      {
        width,
        height: 150,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_, _min, max) => [0, Math.max(max * 1.1, 1)] } },
        axes: [axis, { ...axis, size: 64, values: (_, values) => values.map(text) }],
        series: [
          {},
          ...lines.map(([name, , tone], line) => ({
            label: name,
            stroke: colour(tone),
            width: 2,
            dash: line === 0 ? undefined : [5, 4],
            points: { show: false },
          })),
        ],
      },
      [at.map((ms) => ms / 1000), ...lines.map(([, values]) => values)],
      place.current,
    );
    const watch = new ResizeObserver(([{ contentRect }]) => {
      chart.setSize({ width: contentRect.width, height: 150 });
    });
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      chart.destroy();
    };
  }, [at, lines]);
  const last = lines.map(([name, values]) => `${name} ${text(values.at(-1) ?? 0)}`).join(", ");
  return html`
    <figure>
      <figcaption>
        ${title}
        <span class="key">
          ${lines.map(([name, , tone], line) =>
            html`<span key=${name}><i class=${`tone ${tone} ${
              line > 0 ? "dashed" : ""
            }`}></i>${name}</span>`
          )}
        </span>
      </figcaption>
      ${at.length < 2
        ? html`<p class="dim empty">A line is drawn once there are two points, one each 10 s.</p>`
        : html`<div ref=${place} role="img" aria-label=${`${title}, the last hour; now ${last}`}></div>`}
    </figure>
  `;
}
