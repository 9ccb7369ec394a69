/** Plots as SVG, by Apache ECharts. Its colours are those of the page, which knows light and dark. @module */
import { init } from "npm:echarts@5.6.0/dist/echarts.esm.min.mjs";
import type { Plot } from "./types.ts";

/** A plot's height in pixels; the width is that of its place. */
const HEIGHT = 320;

/** As many colours as there are in the page's style. */
const COLOURS = Array.from({ length: 8 }, (_, at) => `var(--series-${at + 1})`);

/** Marks of different shape, so that lines can be told apart without colours. */
const SHAPES = ["circle", "rect", "triangle", "diamond", "pin", "arrow"];

const TEXT = { color: "var(--text)", fontFamily: "inherit", fontSize: 13 };

/**
 * Draws a plot.
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
  const narrow = width < 500;
  const line = { lineStyle: { color: "var(--line)" } };
  return {
    animation: false,
    color: COLOURS,
    textStyle: TEXT,
    legend: { top: 0, left: 0, textStyle: TEXT, itemGap: narrow ? 8 : 16, itemHeight: 10 },
    grid: { left: 8, right: 16, top: narrow ? 76 : 56, bottom: 28, containLabel: true },
    xAxis: {
      type: "category",
      data: plot.categories,
      name: plot.x,
      nameLocation: "middle",
      nameGap: 30,
      nameTextStyle: TEXT,
      axisLabel: { ...TEXT, interval: 0, rotate: narrow && plot.categories.length > 4 ? 35 : 0 },
      axisLine: line,
      axisTick: { show: false },
    },
    yAxis: {
      type: plot.y.scale === "log" ? "log" : "value",
      name: plot.y.name,
      nameTextStyle: { ...TEXT, align: "left", padding: [0, 0, 0, -32] },
      axisLabel: { ...TEXT, formatter: (value: number) => short(value) },
      splitLine: line,
      min: plot.y.scale === "log" ? undefined : 0,
    },
    series: plot.series.map(({ name, values }, at) => ({
      name,
      data: values,
      type: plot.kind === "line" ? "line" : "bar",
      ...(plot.kind === "stack" ? { stack: "all" } : {}),
      symbol: SHAPES[at % SHAPES.length],
      symbolSize: 8,
      lineStyle: { width: 2 },
      barMaxWidth: 34,
      connectNulls: false,
      label: {
        show: plot.series.length * plot.categories.length <= 12 && plot.kind !== "line" && !narrow,
        position: plot.kind === "stack" ? "inside" : "top",
        formatter: ({ value }: { value: number | null }) => value ? short(value) : "",
        ...TEXT,
        color: plot.kind === "stack" ? "var(--page)" : "var(--text)",
      },
    })),
  };
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
