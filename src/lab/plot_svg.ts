/** Plots as SVG, by Apache ECharts. Its colours are those of the page, which knows light and dark. @module */
import { init } from "npm:echarts@5.6.0/dist/echarts.esm.min.mjs";
import type { Plot } from "./types.ts";

/** The height of a plot whose categories have names of one line, in pixels. */
const HEIGHT = 280;

/** The height of a line of text, and the width of a letter on the average, in pixels. */
const LINE = 15;
const LETTER = 7.2;

/** The sign of a value that is missing. */
const CROSS = "path://M1,0 L5,4 L9,0 L10,1 L6,5 L10,9 L9,10 L5,6 L1,10 L0,9 L4,5 L0,1 Z";

/** The mark of each series, so that lines can be told apart without colours. */
export const MARKS: readonly string[] = [
  "circle",
  "rect",
  "triangle",
  "diamond",
  "emptyCircle",
  "emptyRect",
];

/** The colour of a series: a variable of the page's style. */
export const colourOf = (series: number): string => `var(--series-${series + 1})`;

const TEXT = { color: "var(--text)", fontFamily: "inherit", fontSize: 13 };

/**
 * Draws a plot. The page has its title and the names of its series as text.
 *
 * @param width In pixels: the text keeps its size, whatever the width.
 */
export function plotSvg(plot: Plot, width: number): string {
  const place = (width - 70) / plot.categories.length;
  const names = plot.categories.map((name) => wrap(name, Math.floor(place / LETTER)));
  const lines = Math.max(...names.map((name) => name.length));
  const height = HEIGHT + (lines - 1) * LINE;
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption(optionOf(plot, names.map((name) => name.join("\n")), lines, place));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** @param place How wide the place of a category is, in pixels. */
function optionOf(
  plot: Plot,
  names: readonly string[],
  lines: number,
  place: number,
): Record<string, unknown> {
  const { kind, series, y } = plot;
  const line = { lineStyle: { color: "var(--line)" } };
  const bars = kind === "stack" ? 1 : series.length;
  const roomy = kind !== "line" && place / bars > 34;
  const unit = y.scale === "log" ? `${y.name}, logarithmic` : y.name;
  return {
    animation: false,
    textStyle: TEXT,
    grid: { left: 10, right: 12, top: 40, bottom: 26, containLabel: true },
    xAxis: {
      type: "category",
      data: names,
      name: plot.x,
      nameLocation: "middle",
      nameGap: 15 + lines * LINE,
      nameTextStyle: TEXT,
      axisLabel: { ...TEXT, interval: 0, lineHeight: LINE },
      axisLine: line,
      axisTick: { show: false },
    },
    yAxis: {
      ...axisOf(plot),
      name: unit,
      nameLocation: "end",
      nameTextStyle: { ...TEXT, align: "left", padding: [0, 0, 6, -20] },
      axisLabel: { ...TEXT, formatter: (value: number) => short(value) },
      splitLine: line,
    },
    series: [
      ...series.map(({ values }, at) => ({
        data: values,
        type: kind === "line" ? "line" : "bar",
        ...(kind === "stack" ? { stack: "all" } : {}),
        color: colourOf(at),
        symbol: MARKS[at % MARKS.length],
        symbolSize: 9,
        lineStyle: { width: 2 },
        barMaxWidth: 40,
        label: {
          show: roomy,
          position: kind === "stack" ? "inside" : "top",
          // In a stack a part that is not there has no room for its 0.
          formatter: ({ value }: { value?: number | null }) =>
            typeof value !== "number" || value === 0 && kind === "stack" ? "" : short(value),
          ...TEXT,
          fontSize: 12,
          color: kind === "stack" ? "var(--page)" : "var(--text)",
        },
      })),
      ...series.map((one, at) => crosses(plot, one.values, at, place)),
    ],
  };
}

/** A cross at the foot of the plot for each value of a series that is missing. */
function crosses(
  plot: Plot,
  values: readonly (number | null)[],
  at: number,
  place: number,
): Record<string, unknown> {
  const count = plot.series.length;
  // Bars stand as ECharts puts them: a fifth of the place is free, and so is 0.3 of a bar between two.
  const bar = Math.min(40, 0.8 * place / (1.3 * count - 0.3));
  const step = plot.kind === "line" ? 14 : 1.3 * bar;
  const foot = axisOf(plot).min as number;
  const isShown = plot.missing !== undefined;
  return {
    type: "scatter",
    silent: true,
    data: values.map((value) => isShown && value === null ? foot : null),
    color: colourOf(at),
    symbol: CROSS,
    itemStyle: { opacity: 1 },
    symbolSize: 9,
    symbolOffset: [(at - (count - 1) / 2) * step, -8],
  };
}

/** Words in lines of at most so many letters; a longer word has a line of its own. */
function wrap(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** From 0, or on a logarithmic scale from the power of ten below half of the smallest value. */
function axisOf({ y, series }: Plot): Record<string, unknown> {
  if (y.scale !== "log") return { type: "value", min: 0 };
  const values = series.flatMap(({ values }) => values).filter((value) =>
    value !== null && value > 0
  );
  const min = 10 ** Math.floor(Math.log10(Math.min(...values as number[]) / 2));
  return { type: "log", min, startValue: min };
}

/** A number in few characters: 12,000 as 12k. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${round(value / 1e9)}G`;
  if (size >= 1e6) return `${round(value / 1e6)}M`;
  if (size >= 1e4) return `${round(value / 1e3)}k`;
  return String(round(value));
}

/** Three digits that mean something. */
const round = (value: number): number => Number(value.toPrecision(3));
