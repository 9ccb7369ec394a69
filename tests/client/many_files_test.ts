/** What a client keeps while a program sends many files. */
import assert from "node:assert/strict";
import type { ReplyFrame } from "../../src/protocol/mod.ts";
import { OutgoingFile } from "../../src/client/outgoing_file.ts";
import { statelessRunner } from "./helpers.ts";
import { pattern } from "./scripted_peer.ts";

const FILES = 100_000;

/** A connection whose other end stores every file at once: no byte goes anywhere. */
class Storing {
  heardAt = 0;
  sentAt = 0;
  closed: AbortSignal = new AbortController().signal;
  hasMore = false;
  payloadLeft = 0;
  onWait: (() => void) | undefined;
  #answers = 0;
  #wake: (() => void) | undefined;

  constructor(readonly body: ReplyFrame["body"]) {}

  /** Each head in the written bytes is a request, and each is answered. */
  write(bytes: Uint8Array): Promise<void> {
    const text = new TextDecoder("latin1").decode(bytes);
    this.#answers += text.split('"action":"transfer"').length - 1;
    this.#wake?.();
    return Promise.resolve();
  }

  receiveNow(): ReplyFrame | undefined {
    if (this.#answers === 0) return undefined;
    this.#answers--;
    const session = { id: null, mode: "stateless", sequence: 0, action: "transfer", dataSize: 2 };
    const header = { version: "2.1", mimeType: "application/json", size: 0, session };
    return { header, body: this.body } as unknown as ReplyFrame;
  }

  async receive(): Promise<ReplyFrame | undefined> {
    this.onWait?.();
    while (this.#answers === 0 && !this.closed.aborted) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.receiveNow();
  }

  close(): void {
    this.closed = AbortSignal.abort();
    this.#wake?.();
  }
}

Deno.test("of 100,000 files a client has few at a time, if the program waits until it is ready", async () => {
  const bytes = pattern(100);
  const whole = new OutgoingFile(bytes, {});
  await whole.prepare(1000);
  const { sha256 } = whole.nextPart(whole.prepared(1000)!, true).data;
  const file = { path: "p", size: bytes.length, sha256: sha256!, mime_type: "text/plain" };
  const connection = new Storing({ code: "ok", file } as ReplyFrame["body"]);
  const { queue, runner } = await statelessRunner(connection);
  const running = runner.run();
  let [stored, most] = [0, 0];
  for (let n = 0; n < FILES; n++) {
    if (queue.files.areMany) await queue.files.ready();
    const outgoing = new OutgoingFile(bytes, {});
    queue.add(outgoing);
    outgoing.result.then(() => stored++);
    most = Math.max(most, n + 1 - stored);
  }
  while (stored < FILES) await new Promise((resolve) => setTimeout(resolve));
  assert.equal([...queue.files].length, 0, "all are forgotten");
  // 64 wait for their turn; the window of requests, and the replies that are not read yet, come on top.
  assert.ok(most <= 2000, `${most} at a time`);
  connection.close();
  await running;
});
