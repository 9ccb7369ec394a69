/**
 * The terminal: the program's own streams, colours, widths, the progress line, log events as lines,
 * and the signals that ask the program to stop. All commands use it.
 *
 * @module
 */
export { type Paint, paintOf, type Style } from "./colour.ts";
export { formatJsonLine, formatText } from "./format.ts";
export { createOutput, logSink, type Output, type Sink, type TextStream } from "./output.ts";
export { ProgressLine, type ProgressOptions } from "./progress.ts";
export { onStop } from "./signals.ts";
export { displayWidth, fit, pad } from "./width.ts";
