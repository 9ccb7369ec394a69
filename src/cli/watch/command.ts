/** `fxfer watch`: the frames of running transfers as they happen, with the rule behind each. @module */
import {
  type Endpoint,
  formatEndpoint,
  parseEndpoint,
  parseListenEndpoint,
} from "../../address.ts";
import { FaultProxy } from "../../chaos/mod.ts";
import { onStop, type Output } from "../../terminal/mod.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { WireView } from "../demo/wire_view.ts";
import { cannot, localError, whyNotListening, whyUnreadable } from "../local.ts";
import { SUMMARIES } from "../summaries.ts";
import { readRecord, recordOf, type WireRecord } from "./record.ts";
import { FrameView } from "./view.ts";

const LOCAL = "127.0.0.1";

export const WATCH_COMMAND: Command = {
  spec: {
    name: "watch",
    summary: SUMMARIES.watch,
    operands: { name: "HOST:PORT", min: 0, max: 1 },
    options: {
      listen: { value: "[HOST:]PORT", short: "l", help: "Where to listen (default a free port)" },
      to: { value: "HOST:PORT", help: "The server, instead of the operand" },
      save: { value: "FILE", help: "Write each frame to this new file, as a line of JSON" },
      replay: { value: "FILE", help: "Show what was saved, instead of watching" },
    },
    details: [
      "Clients connect to the port that it listens on; it forwards every byte to the server, and shows " +
      "each frame: direction, action, number, what it is about, its own bytes and those of the file. " +
      "Under it stands the rule that it follows, with its sentence the first time. What is encrypted " +
      "(TLS) is forwarded and not shown. Secrets and bytes of files are never saved.",
      "  fxfer watch 127.0.0.1:65432 --listen 7000      and then      fxfer send -p 7000 FILE",
    ],
  },
  run: runWatch,
};

async function runWatch(args: ParsedArgs, { out }: Output): Promise<number> {
  const toListen = (text: string) => parseListenEndpoint(text, LOCAL);
  const listen = args.read("listen", "a port or host:port", toListen) ??
    { hostname: LOCAL, port: 0 };
  const to = args.operands.length > 0
    ? args.target()
    : args.read("to", "an address such as 127.0.0.1:65432", parseEndpoint);
  const replay = args.text("replay");
  const save = args.text("save");
  const isNamed = args.operands.length > 0 || args.has("to");
  if (args.operands.length > 0 && args.has("to")) args.fault("Name the server once");
  if (replay === undefined && !isNamed) {
    args.fault("Name the server as HOST:PORT, or a file by --replay");
  }
  if (replay !== undefined && (isNamed || args.has("listen") || save !== undefined)) {
    args.fault("--replay stands alone");
  }
  args.mustBeRight();
  const view = await FrameView.make(out);
  if (replay !== undefined) return await show(replay, view);
  return await watch(listen, to!, save, view);
}

/** Shows a saved file. @throws {FxferError} `local_io` if it cannot be read, or a line is no record. */
async function show(path: string, view: FrameView): Promise<number> {
  const text = await Deno.readTextFile(path).catch(cannot(`read ${path}`, whyUnreadable));
  for (const [at, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const record = readRecord(line);
    if (record === undefined) {
      throw localError(`replay ${path}`, undefined, `line ${at + 1} was not saved by fxfer watch`);
    }
    view.show(record);
  }
  return 0;
}

const whyNotNew = (cause: unknown) =>
  cause instanceof Deno.errors.AlreadyExists ? "it is there already" : undefined;

async function watch(
  { hostname, port }: Endpoint,
  target: Endpoint,
  save: string | undefined,
  view: FrameView,
): Promise<number> {
  const stopped = Promise.withResolvers<void>();
  using file = save === undefined ? undefined : await Deno.open(save, {
    ...{ write: true, createNew: true, mode: 0o600 },
  }).catch(cannot(`write ${save}`, whyNotNew));
  const begun = performance.now();
  const take = (record: Omit<WireRecord, "ms">): void => {
    const timed = { ms: Math.round(performance.now() - begun), ...record } as WireRecord;
    view.show(timed);
    if (file === undefined) return;
    try {
      writeAll(file, new TextEncoder().encode(`${JSON.stringify(timed)}\n`));
    } catch (cause) {
      stopped.reject(localError(`write ${save}`, cause));
    }
  };
  const wire = new WireView(
    (seen) => take(recordOf(seen)),
    (connection) => take({ connection, event: "unread" }),
  );
  await using proxy = await FaultProxy.listen({
    ...{ hostname, port, target },
    onBytes: wire.feed,
    onEvent({ type, connection }) {
      if (type === "open" || type === "closed") take({ connection, event: type });
    },
  }).catch(cannot(`listen on ${formatEndpoint({ hostname, port })}`, whyNotListening));
  view.begin(formatEndpoint({ hostname, port: proxy.port }), formatEndpoint(target));
  using _signals = onStop(() => stopped.resolve());
  await stopped.promise;
  return 0;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
