import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import type { ReplyFrame } from "../../src/protocol/mod.ts";
import { OutgoingFile } from "../../src/client/outgoing_file.ts";
import { statelessRunner } from "./helpers.ts";
import { code, pattern } from "./scripted_peer.ts";

function lost(): FxferError {
  return new FxferError("connection_lost");
}

/** A connection whose writes fail, and whose replies come only after that. */
class BrokenPipe {
  heardAt = performance.now();
  sentAt = performance.now();
  closed = false;
  readonly #failed = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #replies: ReplyFrame[];

  constructor(...replies: ReplyFrame[]) {
    this.#replies = replies;
  }

  write(): Promise<void> {
    this.#failed.resolve();
    return Promise.reject(lost());
  }

  receiveNow(): undefined {}

  async receive(): Promise<ReplyFrame> {
    await this.#failed.promise;
    // Later than the failed write in any order of microtasks.
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (this.closed) throw lost();
    const reply = this.#replies.shift();
    if (reply !== undefined) return reply;
    await this.#closed.promise;
    throw lost();
  }

  close(): void {
    this.closed = true;
    this.#closed.resolve();
  }
}

Deno.test("ConnectionRunner reads the reply that stands behind a failed write (S-TRF-8)", async () => {
  const reply: ReplyFrame = {
    header: {
      version: "2.0",
      mimeType: "application/json",
      size: 0,
      session: { id: null, mode: "stateless", sequence: 0, action: "transfer", dataSize: 2 },
    },
    body: { code: "too_large" },
  };
  const connection = new BrokenPipe(reply);
  const { queue, runner } = await statelessRunner(connection, {
    retries: 1,
    backoff: { initialMs: 1, maxMs: 1 },
  });
  const file = new OutgoingFile(pattern(10), {});
  queue.add(file);
  const running = runner.run();
  await assert.rejects(file.result, code("too_large"));
  connection.close();
  assert.equal((await running).kind, "lost");
});
