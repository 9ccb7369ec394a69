/** The states of a session as a picture, by the contract of the session layer; one of them is lit. */
import { html } from "./preact.js";

const WIDTH = 112;
const HEIGHT = 34;

/** Where each state stands. */
const PLACES = {
  Idle: [66, 30],
  Connected: [210, 30],
  Authenticated: [210, 110],
  Active: [354, 110],
  Detached: [282, 200],
  Timeout: [66, 200],
  Disconnected: [282, 286],
  Cleanup: [66, 286],
};

/** How a session goes from state to state; the last of a line is the input. */
const ARROWS = [
  ["M122,30 L152,30", "connect"],
  ["M210,47 L210,91", "authorise"],
  ["M266,110 L296,110", "transfer"],
  ["M228,127 L258,181", "detach"],
  ["M276,181 L246,129", "resume"],
  ["M340,127 L308,181", "detach"],
  ["M226,200 L124,200", "expire"],
  ["M66,217 L66,267", "forget"],
  ["M282,217 L282,267", "disconnect"],
  ["M392,127 C414,190 410,262 340,282", "disconnect"],
  ["M172,127 C150,190 168,250 224,276", "disconnect"],
  ["M226,286 L124,286", "forget"],
];

export function Machine({ state, before }) {
  return html`
    <svg class="machine" viewBox="0 0 420 312" role="img"
      aria-label=${`The states of a session. It is ${state} now${
        before ? `, and was ${before}` : ""
      }.`}>
      <defs>
        <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0,0 L8,4 L0,8 Z" />
        </marker>
      </defs>
      ${ARROWS.map(([path, input]) =>
        html`
          <path key=${path} class="arrow" d=${path} marker-end="url(#head)">
            <title>${input}</title>
          </path>
        `
      )}
      ${Object.entries(PLACES).map(([name, [x, y]]) =>
        html`
          <g key=${name} class=${name === state
            ? "place lit"
            : name === before
            ? "place was"
            : "place"}>
            <rect x=${x - WIDTH / 2} y=${y - HEIGHT / 2} width=${WIDTH} height=${HEIGHT} rx="8" />
            <text x=${x} y=${y + 5} text-anchor="middle">${name}</text>
          </g>
        `
      )}
    </svg>
  `;
}

/** The numbers around the last one that ran: kept replies, the next one, and what a client may still send. */
export function Window({ replies, sequence, inflight, ended }) {
  const kept = new Map(replies.map(({ sequence, code }) => [sequence, code]));
  const first = Math.max(1, Math.min(sequence, replies[0]?.sequence ?? sequence) - 1);
  const last = sequence + (ended ? 0 : Math.min(inflight, 8));
  const slots = Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
  const kindOf = (number) =>
    kept.has(number)
      ? "kept"
      : number === sequence + 1 && !ended
      ? "next"
      : number > sequence
      ? "free"
      : "gone";
  const words = {
    kept: "its reply is kept",
    next: "the next to run",
    free: "may be sent already",
    gone: "its reply is no longer kept",
  };
  return html`
    <ol class="slots" aria-label="Sequence numbers">
      ${slots.map((number) => {
        const kind = kindOf(number);
        return html`
          <li key=${number} class=${kind} title=${`${number}: ${kept.get(number) ?? words[kind]}`}>
            <b>${number}</b><span>${kept.get(number) ?? (kind === "next" ? "next" : "")}</span>
          </li>
        `;
      })}
    </ol>
  `;
}
