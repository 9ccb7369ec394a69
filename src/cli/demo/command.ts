/**
 * `fxfer demo`: shows what fxfer does. It runs a server and a client in this process, with a proxy
 * between them that breaks connections. Every line about frames is decoded from the forwarded bytes.
 *
 * @module
 */
import type { Endpoint } from "../../address.ts";
import { FaultProxy } from "../../chaos/mod.ts";
import { connect, type SendResult, type SessionTotals } from "../../client/mod.ts";
import { serve } from "../../server/mod.ts";
import { DiskStorage } from "../../storage/mod.ts";
import { MemorySessionStore } from "../../store/mod.ts";
import { type Output, type Paint, paintOf, type TextStream } from "../../terminal/mod.ts";
import { count, formatBytes, formatDuration, wrap } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { cannot } from "../local.ts";
import { frameHeading, frameLine, shortId } from "./frame_line.ts";
import { fetchBack } from "./fetch_back.ts";
import { largeSample, type Sample, sha256Of, SMALL, storedLines } from "./samples.ts";
import { WireView } from "./wire_view.ts";

/** Small, so that a file of a few MiB comes in several frames. */
const REQUEST_BYTES = 1024 * 1024;

/** After this many bytes the connection breaks: in the middle of the third of four frames. */
const CUT_AFTER = 2_600_000;

/** Holds bytes back: on one machine all of them would be under way before the server has any. */
const SLOW = { chunk: 64 * 1024, delayMs: 2 } as const;

export const DEMO_COMMAND: Command = {
  spec: {
    name: "demo",
    summary: "Show the main job: files in both modes, a cut, a resume",
    options: {},
    details: [
      "It needs no set-up and leaves nothing: the server listens on a free port of this machine, " +
      "the files go to a temporary folder.",
    ],
  },
  run: runDemo,
};

async function runDemo(_args: ParsedArgs, { out }: Output): Promise<number> {
  const paint = paintOf(out);
  const page = new Page(out, paint);
  await using folder = await makeFolder();
  await using storage = await DiskStorage.open(folder.path);
  await using store = new MemorySessionStore();
  const anonymous = ["put", "get"] as const;
  await using server = serve({ storage, store, port: 0, maxRequestSize: REQUEST_BYTES, anonymous });
  page.title(`fxfer demo: a server on 127.0.0.1:${server.addr.port}, a client, a bad network`);

  page.title("1  Stateless: every request stands alone");
  page.text(
    "No memory on either side. A frame is one line of JSON, then the bytes of the file. If the " +
      "connection breaks, the file starts over.",
  );
  const alone = await sendStateless(server.addr, page);

  const photo = largeSample();
  page.title("2  Stateful: the session outlives the connection");
  page.text(
    `The same wire, and a session. ${photo.name} comes in frames of 1 MiB, numbered from 1. In the ` +
      "middle of the third the network resets the connection.",
  );
  const session = await sendStateful(server.addr, page, photo);

  page.title("3  What is stored");
  const lines = await storedLines(folder.path, [...SMALL, photo], paint);
  for (const line of lines) page.line(line);

  page.title("4  And back: a fetch goes on where it was cut");
  const isSame = await fetchPhoto(server.addr, page, photo);
  if (!isSame) return 5;

  page.title("5  What the session cost, and what it saved");
  for (const line of costTable(alone, session, photo)) page.line(line);
  page.line("");
  page.text("Nothing is left behind. Next: fxfer serve, and fxfer send FILE");
  return 0;
}

/** A temporary folder, which is removed in the end. @throws {FxferError} `local_io`. */
async function makeFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "fxfer_demo_" })
    .catch(cannot("make a temporary folder"));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Writes titles and paragraphs of at most 80 columns. */
class Page {
  readonly paint: Paint;
  readonly #out: TextStream;
  #begun = false;

  constructor(out: TextStream, paint: Paint) {
    this.#out = out;
    this.paint = paint;
  }
  line(text: string): void {
    this.#out.line(text);
  }
  title(text: string): void {
    if (this.#begun) this.line("");
    this.#begun = true;
    this.line(this.paint("bold", text));
  }
  text(text: string): void {
    for (const line of wrap(text, 76)) this.line(`   ${line}`);
  }
}

async function sendStateless(target: Endpoint, page: Page): Promise<WireView> {
  page.line(frameHeading(page.paint));
  const view = new WireView((seen) => page.line(frameLine(seen, page.paint)));
  await using proxy = await FaultProxy.listen({ target, onBytes: view.feed });
  await using client = await connect({ port: proxy.port, mode: "stateless" });
  for (const { name, mimeType, bytes } of SMALL) await client.send(bytes, { name, mimeType });
  await client.disconnect();
  return view;
}

/** What the stateful part of the demo saw and got. */
interface SessionResult {
  readonly view: WireView;
  readonly result: SendResult;
  readonly totals: SessionTotals | undefined;
  readonly id: string | null;
}

async function sendStateful(target: Endpoint, page: Page, photo: Sample): Promise<SessionResult> {
  const { paint } = page;
  page.line(frameHeading(paint));
  const view = new WireView((seen) => page.line(frameLine(seen, paint)));
  await using proxy = await FaultProxy.listen({
    target,
    plan: (connection) => ({
      up: { ...SLOW, faults: connection === 0 ? [{ after: CUT_AFTER, kind: "reset" }] : [] },
    }),
    onBytes: view.feed,
    onEvent(event) {
      if (event.type !== "fault") return;
      const through = formatBytes(view.payloadOf(event.connection));
      page.line(paint("yellow", `  ✂ reset: ${through} of the file were through`));
    },
  });
  await using client = await connect({ port: proxy.port, backoff: { initialMs: 50 } });
  const { name, mimeType, bytes } = photo;
  const result = await client.send(bytes, { name, mimeType });
  const id = client.sessionId;
  const totals = await client.disconnect();
  return { view, result, totals, id };
}

/** Gets the large file back through a connection that breaks; says whether it is the same. */
async function fetchPhoto(target: Endpoint, page: Page, photo: Sample): Promise<boolean> {
  const { paint } = page;
  page.line(frameHeading(paint));
  const view = new WireView((seen) => page.line(frameLine(seen, paint)));
  await using proxy = await FaultProxy.listen({
    target,
    plan: (connection) => ({
      down: { ...SLOW, faults: connection === 0 ? [{ after: CUT_AFTER, kind: "reset" }] : [] },
    }),
    onBytes: view.feed,
    onEvent(event) {
      if (event.type !== "fault") return;
      page.line(paint("yellow", `  ✂ reset: ${formatBytes(CUT_AFTER)} were through`));
    },
  });
  const { sha256, bytes, connections } = await fetchBack(proxy.port, photo.name);
  const isSame = sha256 === sha256Of(photo.bytes);
  const verdict = isSame ? paint("green", `= ${photo.name}`) : paint("red", "another file");
  page.line(
    `  ${formatBytes(bytes)} over ${connections} connections, sha256 ${
      sha256.slice(0, 8)
    }…  ${verdict}`,
  );
  return isSame;
}

function costTable(alone: WireView, session: SessionResult, photo: Sample): string[] {
  const { view, result, totals, id } = session;
  const size = photo.bytes.length;
  const kept = result.resumedFrom[0] ?? 0;
  const row = (name: string, ...cells: string[]) =>
    `  ${name.padEnd(34)}${cells.map((cell) => cell.padStart(14)).join("")}`;
  const cost = ({ totals: { frames, overhead } }: WireView) => `${Math.round(overhead / frames)} B`;
  const again = view.totals.payload - size;
  const own = ({ totals: { overhead } }: WireView) => formatBytes(overhead);
  const counted = totals === undefined ? [] : [
    `  The server counted ${count(totals.files, "file")}, ${formatBytes(totals.bytes)}, ` +
    `${count(totals.messages, "request")} in ${formatDuration(totals.durationMs / 1000)}.`,
  ];
  return [
    row("", "stateless", "stateful"),
    row("frames on the wire", String(alone.totals.frames), String(view.totals.frames)),
    row("a frame's own bytes, mean", cost(alone), cost(view)),
    row("a frame's own bytes, in all", own(alone), own(view)),
    row("bytes of files", formatBytes(alone.totals.payload), formatBytes(view.totals.payload)),
    row("sent again after a cut", "the whole file", formatBytes(again)),
    row("not sent again", "nothing", formatBytes(kept)),
    "",
    `  Session ${shortId(id)}: one session over 2 connections, ${result.attempts} tries.`,
    ...counted,
  ];
}
