/** A frame as a line of 80 columns: its direction, its meaning and its bytes. Pure. @module */
import type { FetchData, ReplyFrame, RequestFrame, TransferData } from "../../protocol/mod.ts";
import { fit, pad, type Paint } from "../../terminal/mod.ts";
import { escapeControls, formatBytes } from "../../text.ts";
import type { SeenFrame } from "./wire_view.ts";

const WORD = 21;
const DETAIL = 34;
const NUMBER = 9;

/** The heading above the lines. */
export function frameHeading(paint: Paint): string {
  const numbers = "frame".padStart(NUMBER) + "file".padStart(NUMBER + 1);
  return paint("dim", `    ${"".padEnd(WORD + DETAIL)}${numbers}`);
}

/** One frame as a line. */
export function frameLine({ frame, overhead }: SeenFrame, paint: Paint): string {
  const [arrow, word, detail, size] = frame.type === "request"
    ? [paint("cyan", "→"), ...requestWords(frame.request)] as const
    : [paint("green", "←"), ...replyWords(frame.reply)] as const;
  const own = paint("dim", `${overhead} B`.padStart(NUMBER));
  const file = size === 0 ? "" : formatBytes(size).padStart(NUMBER + 1);
  const text = pad(fit(escapeControls(detail), DETAIL - 1), DETAIL);
  return `  ${arrow} ${word.padEnd(WORD)}${text}${own}${file}`.trimEnd();
}

/** The first characters of a session's id, as logs show it. */
export const shortId = (id: string | null): string => id === null ? "none" : `${id.slice(0, 8)}…`;

function requestWords({ header, ...request }: RequestFrame): [string, string, number] {
  const { size, session: { mode, action, sequence, id } } = header;
  const number = mode === "stateful" && action !== "connect" ? ` #${sequence}` : "";
  const word = action + number;
  if (action === "connect") {
    const what = mode === "stateless"
      ? "without a session: your terms?"
      : id === null
      ? "a new session, please"
      : `back in session ${shortId(id)}`;
    return [word, what, size];
  }
  if (action === "fetch" && "data" in request) {
    const { name, offset } = request.data as FetchData;
    return [word, `${name}, ${offset === 0 ? "whole" : `from ${formatBytes(offset)} on`}`, size];
  }
  if (action !== "transfer" || !("data" in request)) return [word, "", size];
  return [word, transferWords(request.data as TransferData, size), size];
}

function transferWords({ name, offset, length = 0, complete }: TransferData, size: number): string {
  if (offset === 0 && complete) return `${name ?? "a file"}, whole`;
  return `${name ?? "a file"} ${formatBytes(offset)} to ${formatBytes(offset + size)}` +
    (offset + size === length ? ", end" : "");
}

function replyWords({ header, body }: ReplyFrame): [string, string, number] {
  const { mode, sequence, id, action } = header.session;
  const { code } = body;
  if (action === "fetch" && code === "ok") {
    return [code, `from ${formatBytes(body.offset ?? 0)} on`, header.size];
  }
  const numbered = (code === "ok" || code === "partial") && mode === "stateful";
  const word = numbered ? `${code} #${sequence}` : code;
  return [word, replyDetail(body, id), 0];
}

function replyDetail(body: ReplyFrame["body"], id: string | null): string {
  switch (body.code) {
    case "session_created":
      return `${shortId(id)}, a secret, the terms`;
    case "session_resumed": {
      const upload = body.upload as { offset?: number } | null | undefined;
      const open = upload?.offset === undefined ? "" : `, has ${formatBytes(upload.offset)}`;
      return `next is #${body.next_sequence}${open}`;
    }
    case "session_closed":
      return "with the totals";
    case "partial":
      return body.offset === undefined ? "" : `has ${formatBytes(body.offset)}`;
    default:
      if (body.file === undefined) return body.max_inflight === undefined ? "" : "the terms";
      return `stored, sha256 ${body.file.sha256.slice(0, 12)}…`;
  }
}
