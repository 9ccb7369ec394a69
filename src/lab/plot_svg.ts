/** Plots as SVG, by Apache ECharts. Its colours are those of the page, which knows light and dark. @module */
import { init } from "npm:echarts@5.6.0/dist/echarts.esm.min.mjs";
import type { Plot } from "./types.ts";

/** A plot's height in pixels; the width is that of its place. */
const HEIGHT = 280;

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
 * Draws a plot. The page has its title, its units and the names of its series as text.
 *
 * @param width In pixels: the text keeps its size, whatever the width.
 */
export function plotSvg(plot: Plot, width: number): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height: HEIGHT });
  try {
    chart.setOption(optionOf(plot, width));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function optionOf(plot: Plot, width: number): Record<string, unknown> {
  const line = { lineStyle: { color: "var(--line)" } };
  const place = (width - 60) / plot.categories.length;
  const bars = plot.kind === "stack" ? 1 : plot.series.length;
  const roomy = plot.kind !== "line" && place / bars > 34;
  return {
    animation: false,
    textStyle: TEXT,
    grid: { left: 4, right: 12, top: 18, bottom: 26, containLabel: true },
    xAxis: {
      type: "category",
      data: plot.categories,
      name: plot.x,
      nameLocation: "middle",
      nameGap: place < 90 && plot.categories.some((name) => name.length > 10) ? 64 : 30,
      nameTextStyle: TEXT,
      axisLabel: { ...TEXT, interval: 0, width: place - 6, overflow: "break" },
      axisLine: line,
      axisTick: { show: false },
    },
    yAxis: {
      ...axisOf(plot),
      axisLabel: { ...TEXT, formatter: (value: number) => short(value) },
      splitLine: line,
    },
    series: plot.series.map(({ values }, at) => ({
      data: values,
      type: plot.kind === "line" ? "line" : "bar",
      ...(plot.kind === "stack" ? { stack: "all" } : {}),
      color: colourOf(at),
      symbol: MARKS[at % MARKS.length],
      symbolSize: 9,
      lineStyle: { width: 2 },
      barMaxWidth: 40,
      label: {
        show: roomy,
        position: plot.kind === "stack" ? "inside" : "top",
        formatter: ({ value }: { value: number | null }) => value ? short(value) : "",
        ...TEXT,
        fontSize: 12,
        color: plot.kind === "stack" ? "var(--page)" : "var(--text)",
      },
    })),
  };
}

/** From 0, or on a logarithmic scale from the power of ten below the smallest value. */
function axisOf({ y, series }: Plot): Record<string, unknown> {
  if (y.scale !== "log") return { type: "value", min: 0 };
  const values = series.flatMap(({ values }) => values).filter((value) =>
    value !== null && value > 0
  );
  const min = 10 ** Math.floor(Math.log10(Math.min(...values as number[])));
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
