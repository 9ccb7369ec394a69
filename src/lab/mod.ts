/**
 * Experiments that show what a session is, what it costs and what it saves, and a report of what they
 * found. `fxfer lab` runs them.
 *
 *     experiments/ (a question each) -> findings -> report.ts (one page) and data.ts (CSV, JSON)
 *       road.ts (distance, several servers), plain.ts (uploads without a session), chaos, bench, client
 *
 * Every comparison gives both modes the same work, and each experiment runs its servers in processes of
 * their own, so that processor time and memory are theirs alone.
 *
 * To add an experiment: a file in `experiments/` with its question, its method and its `run`, and a line
 * in EXPERIMENTS below. Help, report and completions follow from the list.
 *
 * @module
 */
import { COST } from "./experiments/cost.ts";
import { DISTANCE } from "./experiments/distance.ts";
import { EXACTLY_ONCE } from "./experiments/exactly_once.ts";
import { FAILURE } from "./experiments/failure.ts";
import { RECOVERY } from "./experiments/recovery.ts";
import { SCALE } from "./experiments/scale.ts";
import type { Experiment } from "./types.ts";

export { toCsv } from "./data.ts";
export { type About, type Done, type Page, pageHtml, reportHtml, type Section } from "./report.ts";
export { Road } from "./road.ts";
export type { Bench, Experiment, Findings, Measurement, ServerPlan, Subject } from "./types.ts";

/** All experiments, in the order of the report. */
export const EXPERIMENTS: readonly Experiment[] = [
  COST,
  FAILURE,
  EXACTLY_ONCE,
  DISTANCE,
  SCALE,
  RECOVERY,
];
