/** The results as a page, in the form of the lab's report. @module */
import { type Row, SCENARIOS } from "../../src/bench/mod.ts";
import { type Measurement, pageHtml, type Section } from "../../src/lab/mod.ts";
import { middle, ofFxfer, type Plan, type Timing } from "./clients/compare.ts";
import { SPECIAL } from "./special.ts";

/** What a page says of the run as a whole. */
export interface Circumstances {
  readonly date: string;
  readonly machine: string;
  readonly deno: string;
  readonly rounds: number;
}

const said = ({ date, machine, deno, rounds }: Circumstances): string => {
  const when = date.slice(0, 16).replace("T", " ");
  return `Measured by <code>deno task bench</code> on ${machine}, Deno ${deno}, ${when} UTC: the
median of ${rounds} ${rounds === 1 ? "round" : "rounds"}, in which all took turns. They share the
machine with their servers, so only figures of one page compare.`;
};

/** The page of the scenarios: each with its contenders beside each other. */
export function scenarioPage(rows: readonly Row[], about: Circumstances): string {
  const names = [...new Set(rows.map(({ scenario }) => scenario))];
  return pageHtml({
    title: "fxfer bench",
    heading: "The server in every scenario",
    paragraphs: [said(about)],
    sections: names.map((name) => scenarioSection(name, rows.filter((r) => r.scenario === name))),
  });
}

function scenarioSection(name: string, rows: readonly Row[]): Section {
  const { title } = [...SCENARIOS, ...SPECIAL].find((scenario) => scenario.name === name)!;
  const { unit } = rows[0]!;
  const known = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? null : value;
  return {
    name,
    title: `Scenario ${name}`,
    question: title,
    method: "Each contender has a fresh server process, which is warm before it counts.",
    findings: {
      plots: [{
        title: `${unit} of each contender`,
        kind: "bar",
        x: "",
        categories: [name],
        y: { name: unit },
        series: rows.map(({ contender, value }) => ({ name: contender, values: [value] })),
      }],
      conclusions: [],
      measurements: rows.map((row) => ({
        contender: row.contender,
        [unit]: row.value,
        "p50 ms": known(row.p50Ms),
        "p99 ms": known(row.p99Ms),
        "server CPU µs": known(row.cpuUs),
        "peak MiB": known(row.peakMiB),
        errors: row.errors,
      })),
    },
  };
}

/** The page of the comparison with other programs. */
export function clientsPage(
  timings: readonly Timing[],
  { small, big, rttMs }: Plan,
  leftOut: readonly string[],
  about: Circumstances,
): string {
  const road = rttMs === 0
    ? "Client and server talk over the machine's own loopback."
    : `A road stands before each server, whose round trip takes ${rttMs} ms; a new connection costs no
round trip on it.`;
  const absent = leftOut.length === 0 ? "" : ` Left out: ${leftOut.join("; ")}.`;
  const titles = { small: `${small} files of 10 KiB`, "big.bin": `One file of ${big} MiB` };
  return pageHtml({
    title: "fxfer bench: beside other programs",
    heading: "fxfer beside other programs",
    paragraphs: [said(about), `${road}${absent}`],
    sections: Object.entries(titles)
      .filter(([work]) => timings.some((timing) => timing.work === work))
      .map(([work, title]) => clientsSection(work, title, timings)),
  });
}

function clientsSection(work: string, title: string, all: readonly Timing[]): Section {
  const these = all.filter((timing) => timing.work === work);
  // All of them, so that a tool has one colour on the page.
  const tools = [...new Set(all.map(({ tool }) => tool))];
  const ways = ["send", "fetch"] as const;
  const of = (tool: string, way: string) =>
    these.find((timing) => timing.tool === tool && timing.way === way);
  const number = (value: number) => Number.isFinite(value) ? value : null;
  return {
    name: work.replace(".", "-"),
    title,
    question: "How long does it take?",
    method: `Each run has a server of its own, which has taken and given back a small folder before.
What came back is counted: a run with fewer files or bytes does not count.`,
    findings: {
      plots: [{
        title: "From the start of the client to its end",
        kind: "bar",
        x: "",
        categories: [...ways],
        y: { name: "seconds", scale: "log" },
        series: tools.map((tool) => ({
          name: tool,
          values: ways.map((way) => {
            const timing = of(tool, way);
            return timing === undefined ? null : number(middle(timing));
          }),
        })),
        missing: "no way of its own, or none that worked",
      }],
      conclusions: [
        ...ways.flatMap((way) => standing(way, these)),
        ...these.flatMap(({ tool, way, faults }) =>
          faults.map((fault) => `Failed: ${tool}, ${way}: ${fault}`)
        ),
      ],
      measurements: these.toSorted((a, b) =>
        a.way === b.way ? middle(a) - middle(b) : a.way === "send" ? -1 : 1
      ).map((timing): Measurement => ({
        way: timing.way,
        tool: timing.tool,
        seconds: number(middle(timing)),
        "of fxfer": number(ofFxfer(timing, all)),
        least: number(Math.min(...timing.seconds)),
        most: number(Math.max(...timing.seconds)),
        failed: timing.faults.length,
      })),
    },
  };
}

/** Where fxfer stands among the others; nothing if it has no time. */
function standing(way: string, these: readonly Timing[]): string[] {
  const [first, ...others] = these
    .filter((timing) => timing.way === way && timing.seconds.length > 0)
    .toSorted((a, b) => middle(a) - middle(b));
  const own = [first, ...others].find((timing) => timing?.tool === "fxfer");
  if (first === undefined || own === undefined) return [];
  const time = (timing: Timing) => `${timing.tool} (${middle(timing).toFixed(2)} s)`;
  const compared = own === first
    ? `is the fastest of ${others.length + 1}`
    : `takes ${(middle(own) / middle(first)).toFixed(2)} times what ${time(first)} takes`;
  return [`${way}: ${time(own)} ${compared}.`];
}
