/** The report, and pages like it: one file of HTML that needs nothing else. @module */
import { escapeHtml } from "./html.ts";
import { colourOf, MARKS, plotSvg, short } from "./plot_svg.ts";
import type { Experiment, Findings, Plot } from "./types.ts";

/** An experiment and what came of it. */
export interface Done {
  readonly experiment: Experiment;
  readonly findings: Findings;
  readonly seconds: number;
}

/** What is said of the run as a whole. */
export interface About {
  readonly version: string;
  readonly machine: string;
  readonly date: Date;
  readonly seed: number;
  readonly quick: boolean;
}

/** A part of a page: a question, how it was answered, plots, conclusions and all figures. */
export interface Section extends Pick<Experiment, "name" | "title" | "question"> {
  /** How it was measured, as HTML. */
  readonly method: string;
  readonly findings: Findings;
  /** The files that have the measurements too, as text; without them the page shows the table opened. */
  readonly files?: string;
}

/** A page of such parts. */
export interface Page {
  readonly title: string;
  readonly heading: string;
  /** What is said before the parts, each as HTML. */
  readonly paragraphs: readonly string[];
  readonly sections: readonly Section[];
  /** The last part. */
  readonly end?: { readonly name: string; readonly title: string; readonly html: string };
}

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de;
  --box: #f6f8fa; --series-1: #0550ae; --series-2: #bc4c00; --series-3: #116329; --series-4: #8250df;
  --series-5: #a40e26; --series-6: #0b7285; --series-7: #6e5600; --series-8: #57606a }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --quiet: #9198a1;
  --line: #3d444d; --box: #151b23; --series-1: #6cb6ff; --series-2: #f69d50; --series-3: #57d364;
  --series-4: #d2a8ff; --series-5: #ff8f87; --series-6: #56d4dd; --series-7: #e3b341; --series-8: #9198a1 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 54rem; background: var(--page);
  color: var(--text); font: 16px/1.55 system-ui, sans-serif }
h1 { font-size: 1.8rem; line-height: 1.2 } h2 { margin-top: 3rem; border-top: 1px solid var(--line);
  padding-top: 1.5rem } h3 { font-size: 1rem }
.question { font-size: 1.15rem; margin: 0.2rem 0 1rem } .method { color: var(--quiet); font-size: 0.92rem }
figure { margin: 1.8rem 0 } figure h3 { margin: 0 } figure svg { display: block; max-width: 100%; height: auto }
.names { list-style: none; margin: 0.3rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.2rem; font-size: 0.9rem }
.narrow { display: none }
.conclusions { background: var(--box); padding: 0.8rem 1rem 0.8rem 2rem; border-left: 4px solid var(--series-1) }
nav ol { columns: 2 } nav a, a { color: var(--series-1) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 0.85rem; width: 100% }
th, td { text-align: right; padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child, .text { text-align: left } summary { cursor: pointer; color: var(--quiet) }
@media (max-width: 36rem) { .wide { display: none } .narrow { display: block } nav ol { columns: 1 } }
@media print { body { max-width: none; font-size: 11pt } h2 { break-before: page } details { display: none }
  figure, .conclusions { break-inside: avoid } }
`;

/** Makes the report of experiments. */
export function reportHtml(done: readonly Done[], about: About): string {
  const advice = done.flatMap(({ findings }) => findings.advice ?? []);
  const date = about.date.toISOString().slice(0, 16).replace("T", " ");
  const quick = about.quick ? ", quick: fewer points, shorter runs, rougher figures" : "";
  return pageHtml({
    title: "fxfer lab: what a session costs and saves",
    heading: "What a session costs, and what it saves",
    paragraphs: [
      `Measured by <code>fxfer lab</code> ${escapeHtml(about.version)} on ${
        escapeHtml(about.machine)
      }, ${date} UTC, seed ${about.seed}${quick}.`,
      `A request without a session stands alone: any server can take it, and nothing is remembered. A
session remembers who the client is, which requests have run, and how far the open file is. Each
comparison below gives both the same work.`,
    ],
    sections: done.map(({ experiment: { name, title, question, method }, findings, seconds }) => ({
      ...{ name, title, question, findings, files: `${name}.csv, ${name}.json` },
      method: `How it was measured, in ${Math.round(seconds)} s: ${escapeHtml(method)} Alone:
<code>fxfer lab ${name}</code>.`,
    })),
    end: {
      name: "advice",
      title: "When to choose which",
      html: `<p>By the figures of this run, on this machine:</p>
${list("", advice)}`,
    },
  });
}

/** Makes a page. */
export function pageHtml({ title, heading, paragraphs, sections, end }: Page): string {
  const links = [...sections, ...(end === undefined ? [] : [end])].map(({ name, title }) =>
    `<li><a href="#${name}">${escapeHtml(title)}</a></li>`
  );
  const last = end === undefined ? "" : `
<section id="${end.name}">
<h2>${escapeHtml(end.title)}</h2>
${end.html}
</section>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(heading)}</h1>
${paragraphs.map((html) => `<p>${html}</p>`).join("\n")}
<nav><ol>${links.join("")}</ol></nav>
${sections.map(sectionHtml).join("\n")}${last}
</body>
</html>
`;
}

function sectionHtml({ name, title, question, method, findings, files }: Section): string {
  const { plots, conclusions, measurements } = findings;
  const [open, where] = files === undefined ? [" open", ""] : ["", ` (${files})`];
  return `<section id="${name}">
<h2>${escapeHtml(title)}</h2>
<p class="question">${escapeHtml(question)}</p>
<p class="method">${method}</p>
${plots.map(figure).join("\n")}
${list(' class="conclusions"', conclusions)}
<details${open}><summary>All ${measurements.length} measurements${where}</summary>
<div class="scroll">${table(findings)}</div></details>
</section>`;
}

function list(attribute: string, lines: readonly string[]): string {
  const items = lines.map((line) => `<li>${escapeHtml(line)}</li>`);
  return items.length === 0 ? "" : `<ul${attribute}>${items.join("")}</ul>`;
}

/** The marks of plot_svg.ts as characters. */
const SIGNS: Readonly<Record<string, string>> = {
  circle: "●",
  rect: "■",
  triangle: "▲",
  diamond: "◆",
  emptyCircle: "○",
  emptyRect: "□",
};

function figure(plot: Plot): string {
  const { title, x, y, kind, series, missing } = plot;
  const names = series.length === 1 ? [] : series.map(({ name }, at) => {
    const sign = kind === "line" ? SIGNS[MARKS[at % MARKS.length]!] : "■";
    return `<li><span style="color:${colourOf(at)}">${sign}</span> ${escapeHtml(name)}</li>`;
  });
  if (missing !== undefined && series.some(({ values }) => values.includes(null))) {
    names.push(`<li>✕ ${escapeHtml(missing)}</li>`);
  }
  return `<figure>
<figcaption><h3>${escapeHtml(title)}</h3>
<ul class="names">${names.join("")}</ul></figcaption>
<div role="img" aria-label="${escapeHtml(`${title}: ${y.name}, by ${x}`)}"><div class="wide">${
    plotSvg(plot, 820)
  }</div><div class="narrow">${plotSvg(plot, 360)}</div></div>
</figure>`;
}

function table({ measurements }: Findings): string {
  const names = Object.keys(measurements[0] ?? {});
  const isText = (name: string) => measurements.some((row) => typeof row[name] === "string");
  const kinds = new Map(names.map((name) => [name, isText(name) ? ' class="text"' : ""]));
  const cell = (value: unknown) =>
    value === null ? "–" : typeof value === "number" ? short(value) : escapeHtml(String(value));
  const line = (tag: string, of: (name: string) => string) =>
    `<tr>${names.map((name) => `<${tag}${kinds.get(name)}>${of(name)}</${tag}>`).join("")}</tr>`;
  const rows = measurements.map((row) => line("td", (name) => cell(row[name])));
  return `<table><thead>${line("th", escapeHtml)}</thead><tbody>${rows.join("")}</tbody></table>`;
}
