/**
 * The console in the browser: its files, which are part of the program and served as they are. There is no
 * build step, and nothing comes from outside: htm with preact (13 KB) and uPlot (51 KB) are embedded.
 *
 * @module
 */
import type { HttpAnswer } from "../admin/mod.ts";
import api from "./console/api.js" with { type: "text" };
import events from "./console/events.js" with { type: "text" };
import files from "./console/files.js" with { type: "text" };
import format from "./console/format.js" with { type: "text" };
import index from "./console/index.html" with { type: "text" };
import keys from "./console/keys.js" with { type: "text" };
import machine from "./console/machine.js" with { type: "text" };
import main from "./console/main.js" with { type: "text" };
import overview from "./console/overview.js" with { type: "text" };
import parts from "./console/parts.js" with { type: "text" };
import session from "./console/session.js" with { type: "text" };
import sessions from "./console/sessions.js" with { type: "text" };
import settings from "./console/settings.js" with { type: "text" };
import style from "./console/style.css" with { type: "text" };
import preact from "npm:htm@3.1.1/preact/standalone" with { type: "text" };
import uplot from "npm:uplot@1.6.32/dist/uPlot.iife.min.js" with { type: "text" };
import uplotStyle from "npm:uplot@1.6.32/dist/uPlot.min.css" with { type: "text" };

const file = (type: string, body: unknown): HttpAnswer => ({
  status: 200,
  headers: { "content-type": `${type}; charset=utf-8` },
  body: String(body),
});

const SCRIPTS: Readonly<Record<string, unknown>> = {
  ...{
    api,
    events,
    files,
    format,
    keys,
    machine,
    main,
    overview,
    parts,
    preact,
    session,
    sessions,
    settings,
  },
  uplot,
};

/** What is served without a token, by its path. */
export const CONSOLE_FILES: ReadonlyMap<string, HttpAnswer> = new Map([
  ["/", file("text/html", index)],
  ["/console/style.css", file("text/css", style)],
  ["/console/uplot.css", file("text/css", uplotStyle)],
  ...Object.entries(SCRIPTS).map(([name, text]) =>
    ["/console/" + name + ".js", file("text/javascript", text)] as const
  ),
]);
