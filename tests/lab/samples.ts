/** Findings that are as hard to draw as those of the real experiments. */
import { type About, type Done, EXPERIMENTS } from "../../src/lab/mod.ts";
import type { Plot } from "../../src/lab/types.ts";

export const ABOUT: About = {
  version: "0.1.0",
  machine: "a <machine>",
  date: new Date(0),
  seed: 1,
  quick: true,
};

/** Long names of categories, as of the experiment about recovery. */
export const LONG: Plot = {
  title: "The gap",
  kind: "bar",
  x: "what happened",
  categories: [
    "killed and started, memory",
    "killed and started, sqlite",
    "killed, another takes over, redis",
    "redis fails over",
    "frozen, another takes over, redis",
  ],
  y: { name: "seconds" },
  series: [{ name: "nothing was sent", values: [0.487, 0.443, 0.807, 0, 2.5] }],
};

/** Values that are missing, on a logarithmic axis. */
export const MISSING: Plot = {
  title: "Time for a file",
  kind: "line",
  x: "the connection breaks every",
  categories: ["64.0 KiB", "512.0 KiB", "4.0 MiB", "never"],
  y: { name: "seconds", scale: "log" },
  series: [
    { name: "stateless & alone", values: [null, null, 0.013, 0.006] },
    { name: "upload ids", values: [null, null, 0.009, 0.008] },
    { name: "stateful", values: [0.2, 0.05, 0.01, 0.01] },
  ],
  missing: "it never ends",
};

export const STACK: Plot = {
  title: "How often each file arrived",
  kind: "stack",
  x: "how it was sent",
  categories: ["once", "until answered", "upload ids", "stateful"],
  y: { name: "files" },
  series: [
    { name: "once", values: [44, 43, 60, 60] },
    { name: "never", values: [16, 0, 0, 0] },
    { name: "twice or more", values: [0, 17, 0, 0] },
  ],
};

export const DONE: readonly Done[] = EXPERIMENTS.map((experiment, at) => ({
  experiment,
  seconds: at,
  findings: {
    plots: [[LONG], [MISSING, STACK]][at % 2]!,
    conclusions: ["1 < 2 & so on"],
    measurements: [{ way: "<way>", seconds: 1234.567, failed: null }],
    advice: [`advice ${at}`],
  },
}));
