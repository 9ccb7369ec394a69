/**
 * The terminal: the program's own streams, colours, widths, the progress line, log events as lines,
 * and the signals that ask the program to stop. All commands use it.
 *
 * @module
 */
export { type Paint, paintOf } from "./colour.ts";
export { createOutput, logSink, type Output, type TextStream } from "./output.ts";
export { onHangup, onStop } from "./signals.ts";
export { fit, pad } from "./width.ts";
