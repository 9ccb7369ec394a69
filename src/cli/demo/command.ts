/**
 * `fxfer demo`: shows what fxfer does. It runs two servers and a client in this process, with
 * a proxy between them that breaks connections. Every line about frames is decoded from the forwarded bytes.
 *
 * @module
 */
import type { Endpoint } from "../../address.ts";
import { FaultProxy } from "../../chaos/mod.ts";
import { connect, type SendResult, type SessionTotals } from "../../client/mod.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { serve } from "../../server/mod.ts";
import { DiskStorage } from "../../storage/mod.ts";
import { MemorySessionStore } from "../../store/mod.ts";
import { type Output, type Paint, paintOf, type TextStream } from "../../terminal/mod.ts";
import { count, formatBytes, formatDuration, wrap } from "../../text.ts";
import type { ParsedArgs } from "../args.ts";
import type { Command } from "../command.ts";
import { SUMMARIES } from "../summaries.ts";
import { temporaryFolder } from "../temporary_folder.ts";
import { frameHeading, frameLine, shortId } from "./frame_line.ts";
import { fetchBack } from "./fetch_back.ts";
import { largeSample, type Sample, sha256Of, SMALL, storedLines } from "./samples.ts";
import { WireView } from "./wire_view.ts";

/** A file of a few MiB comes in several frames of a session; without one it is always one frame. */
const REQUEST_BYTES = 1024 * 1024;

/** After this many bytes the connection breaks: in the middle of the third of four frames. */
const CUT_AFTER = 2_600_000;

/** Holds bytes back: on one machine all of them would be under way before the server has any. */
const SLOW = { chunk: 64 * 1024, delayMs: 2 } as const;

export const DEMO_COMMAND: Command = {
  spec: {
    name: "demo",
    summary: SUMMARIES.demo,
    options: {},
    details: [
      "It needs no set-up and leaves nothing: the servers listen on free ports of this machine, the " +
      "files go to a temporary folder.",
    ],
  },
  run: runDemo,
};

async function runDemo(_args: ParsedArgs, { out }: Output): Promise<number> {
  const paint = paintOf(out);
  const page = new Page(out, paint);
  await using folder = await temporaryFolder("fxfer_demo_");
  await using plain = await openServer(`${folder.path}/stateless`);
  await using numbered = await openServer(`${folder.path}/stateful`, REQUEST_BYTES);
  const files = [largeSample(), ...SMALL];
  const [photo] = files as [Sample, ...Sample[]];
  page.title("fxfer demo: two servers on 127.0.0.1, a client, a bad network");
  page.text(
    `Both servers get the same three files. In the middle of ${photo.name}, which has 4 MiB, the ` +
      "network resets the connection.",
  );

  page.title("1  Stateless: every request stands alone");
  page.text(
    "No memory on either side. A frame is one line of JSON, then the bytes of the file. If the " +
      "connection breaks, the file starts over.",
  );
  const alone = await sendAll(plain.addr, page, "stateless", files);

  page.title("2  Stateful: the session outlives the connection");
  page.text(
    `The same wire, and a session. ${photo.name} comes in frames of 1 MiB, numbered from 1. After ` +
      "the cut it goes on where the server has it.",
  );
  const session = await sendAll(numbered.addr, page, "stateful", files);

  page.title("3  What is stored");
  const lines = await storedLines(folder.path, files, paint);
  for (const line of lines) page.line(line);

  page.title("4  And back: a fetch goes on where it was cut");
  const isSame = await fetchPhoto(numbered.addr, page, photo);
  if (!isSame) return 5;

  page.title("5  What the session cost, and what it saved");
  for (const line of costTable(alone, session, files)) page.line(line);
  page.line("");
  page.text("Nothing is left behind. Next: fxfer learn, or fxfer serve and fxfer send FILE");
  return 0;
}

/** A server on a folder of its own. */
async function openServer(
  path: string,
  maxRequestSize?: number,
): Promise<AsyncDisposable & { readonly addr: Endpoint }> {
  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await DiskStorage.open(path));
  const store = stack.use(new MemorySessionStore());
  const options = { storage, store, port: 0, anonymous: ["put", "get"] as const };
  const server = stack.use(serve(omitUndefined({ ...options, maxRequestSize })));
  const all = stack.move();
  return { addr: server.addr, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
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

/** What was seen and got while the files were sent in one mode. */
interface Sent {
  readonly view: WireView;
  readonly results: readonly SendResult[];
  readonly totals: SessionTotals | undefined;
  readonly id: string | null;
  readonly connections: number;
}

/** Sends the files one after the other, over a connection that breaks once. */
async function sendAll(
  target: Endpoint,
  page: Page,
  mode: "stateless" | "stateful",
  files: readonly Sample[],
): Promise<Sent> {
  const { paint } = page;
  page.line(frameHeading(paint));
  const view = new WireView((seen) => page.line(frameLine(seen, paint)));
  let connections = 0;
  await using proxy = await FaultProxy.listen({
    target,
    plan: (connection) => ({
      up: { ...SLOW, faults: connection === 0 ? [{ after: CUT_AFTER, kind: "reset" }] : [] },
    }),
    onBytes: view.feed,
    onEvent(event) {
      if (event.type === "open") connections++;
      if (event.type !== "fault") return;
      const through = formatBytes(view.payloadOf(event.connection));
      page.line(paint("yellow", `  ✂ reset: ${through} of the file were through`));
    },
  });
  await using client = await connect({ port: proxy.port, mode, backoff: { initialMs: 50 } });
  const results: SendResult[] = [];
  for (const { name, mimeType, bytes } of files) {
    results.push(await client.send(bytes, { name, mimeType }));
  }
  const id = client.sessionId;
  const totals = await client.disconnect();
  return { view, results, totals, id, connections };
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

function costTable(alone: Sent, session: Sent, files: readonly Sample[]): string[] {
  const size = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const both = [alone, session];
  const row = (name: string, cell: (sent: Sent) => string) =>
    `  ${name.padEnd(34)}${both.map((sent) => cell(sent).padStart(14)).join("")}`;
  const { id, totals, connections } = session;
  const counted = totals === undefined ? [] : [
    `  The server counted ${count(totals.files, "file")}, ${formatBytes(totals.bytes)}, ` +
    `${count(totals.messages, "request")} in ${formatDuration(totals.durationMs / 1000)}.`,
  ];
  return [
    row("", (sent) => sent === alone ? "stateless" : "stateful"),
    row("frames on the wire", ({ view }) => String(view.totals.frames)),
    row(
      "a frame's own bytes, mean",
      ({ view: { totals: { frames, overhead } } }) => `${Math.round(overhead / frames)} B`,
    ),
    row("a frame's own bytes, in all", ({ view }) => formatBytes(view.totals.overhead)),
    row("bytes of files", ({ view }) => formatBytes(view.totals.payload)),
    row("of them sent again after the cut", ({ view }) => formatBytes(view.totals.payload - size)),
    "",
    `  Session ${shortId(id)}: one session over ${count(connections, "connection")}.`,
    ...counted,
  ];
}
