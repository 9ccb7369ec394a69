import assert from "node:assert/strict";
import { fileSource } from "../../src/client/mod.ts";
import { mkfifo } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";
import { hookedSource, terms, watched } from "./helpers.ts";
import { code, pattern, ScriptedPeer } from "./scripted_peer.ts";

/** How long an abort may take to be answered, in milliseconds. */
const PROMPT_MS = 300;

/** Runs `work` and checks that it takes no longer than an abort may. */
async function promptly(work: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await work();
  const ms = performance.now() - began;
  assert.ok(ms < PROMPT_MS, `it took ${Math.round(ms)} ms`);
}

const never = () => new Promise<void>(() => {});

Deno.test("limitRate: bytes come all the time, not a buffer at a time", async () => {
  const times: number[] = [];
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const began = performance.now();
    for (let bytes = 10_000; bytes < 100_000; bytes += 10_000) {
      await peer.partOfTransfer(bytes);
      times.push(performance.now() - began);
    }
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port, { limitRate: 100_000 });
  await it.client.send(pattern(100_000));
  assert.ok(times.at(-1)! > 500, `the rate was not kept: ${times.map(Math.round)}`);
  for (const [n, at] of times.entries()) {
    assert.ok(at - (times[n - 1] ?? 0) < 700, `a silence: ${times.map(Math.round)}`);
  }
});

for (const mode of ["stateful", "v1"] as const) {
  Deno.test(`limitRate: an abort is answered at once at any rate (${mode})`, async () => {
    const abort = new AbortController();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await using peer = mode === "stateful"
      ? new ScriptedPeer(async (peer) => {
        await peer.session();
        await peer.partOfTransfer(1);
        begin();
        await peer.rest().catch(() => {});
      })
      : new ScriptedPeer(async (peer) => {
        await peer.send(new TextEncoder().encode("OK\n"));
        await peer.rest().catch(() => {});
      }, async (peer) => {
        await peer.rest().catch(() => {});
      });
    await using it = await watched(peer.port, {
      limitRate: 1,
      signal: abort.signal,
      allowV1: mode === "v1",
      onEvent: () => {},
    });
    const sent = it.client.send(new Blob([pattern(100_000)]));
    if (mode === "stateful") await begun;
    await promptly(async () => {
      abort.abort();
      await assert.rejects(sent, code("interrupted"));
      await it.client[Symbol.asyncDispose]();
    });
  });
}

Deno.test("heartbeats go on while a disk does not answer, and then the file is sent", async () => {
  const { promise: beaten, resolve } = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ keepalive_s: 0.1 });
    for (let n = 0; n < 3; n++) {
      const beat = await peer.request();
      assert.equal(beat.frame.action, "heartbeat");
      await peer.reply(beat, { code: "pong" });
    }
    resolve();
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await it.client.send(hookedSource(pattern(500), () => beaten))).attempts, 1);
});

Deno.test("what a read gives is sent at once, with the header, and not gathered", async () => {
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  const bytes = pattern(300_000);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    assert.equal((await peer.partOfTransfer(1)).header.size, 300_000);
    await peer.partOfTransfer(2);
    resolve();
    const request = await peer.transfer();
    assert.deepEqual(request.payload, bytes);
    await peer.stored(request);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const drop = hookedSource(bytes, (count) => count < 3 ? undefined : seen);
  const drops = {
    ...drop,
    read: (into: Uint8Array, at: number) =>
      drop.read(into.subarray(0, at < 2 ? 1 : into.length), at),
  };
  assert.equal((await it.client.send(drops)).confirmed, true);
});

Deno.test("a disk that hangs in mid-frame: the file goes on over a new connection, read by read", async () => {
  const { promise: back, resolve } = Promise.withResolvers<void>();
  const bytes = pattern(300_000);
  let id: string | undefined;
  let reading = 0;
  const source = hookedSource(bytes, async (count) => {
    assert.equal(++reading, 1, "two reads at a time");
    if (count === 2) await back;
    reading--;
  });
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    id = (await peer.partOfTransfer(10_000)).data.uploadId;
    // The server's stall clock.
    await peer.notice({ code: "stalled" });
    await peer.finish();
  }, async (peer) => {
    await peer.resumed(1, { offset: 10_000, upload_id: id });
    resolve();
    const { frame, payload } = await peer.transfer();
    assert.equal(frame.data.offset, 10_000);
    assert.deepEqual(payload, bytes.subarray(10_000));
    await peer.stored({ frame, payload: bytes });
    await peer.idle();
  });
  await using it = await watched(peer.port, { retries: 1 });
  assert.deepEqual((await it.client.send(source)).resumedFrom, [10_000]);
});

for (const hangsAt of [1, 2]) {
  Deno.test(`an abort does not wait for read ${hangsAt} that never returns`, async () => {
    for (const own of [true, false]) {
      const abort = new AbortController();
      const { promise: hanging, resolve } = Promise.withResolvers<void>();
      await using peer = new ScriptedPeer(async (peer) => {
        await peer.session();
        await peer.rest().catch(() => {});
      }, async (peer) => {
        await peer.resumed(1);
        await peer.idle();
      });
      await using it = await watched(peer.port, own ? {} : { signal: abort.signal });
      const source = hookedSource(pattern(300_000), (count) => {
        if (count < hangsAt) return;
        resolve();
        return never();
      });
      const sent = it.client.send(source, own ? { signal: abort.signal } : {});
      await hanging;
      await promptly(async () => {
        abort.abort();
        await assert.rejects(sent, code("interrupted"));
        await it.client[Symbol.asyncDispose]();
      });
      assert.equal(source.closed, 1);
    }
  });
}

Deno.test("without a session, a source that hangs costs no tries", async () => {
  const { promise: reading, resolve: read } = Promise.withResolvers<void>();
  const { promise: back, resolve } = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer, { degraded: "mode_not_allowed" });
    await reading;
    await peer.notice({ code: "keepalive_timeout" });
    await peer.finish();
  }, async (peer) => {
    await terms(peer);
    await peer.stored(await peer.transfer());
    await peer.rest();
  });
  await using it = await watched(peer.port, { retries: 0 });
  const sent = it.client.send(hookedSource(pattern(10), () => {
    read();
    return back;
  }));
  await it.events.wait((event) => event.type === "connection_lost");
  resolve();
  assert.equal((await sent).confirmed, true);
  await it.client.disconnect();
});

Deno.test("a pipe without a writer is waited for by the send alone, and an abort ends that", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await TempDir.make();
  const path = folder.join("pipe");
  await mkfifo(path);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const abort = new AbortController();
  await promptly(async () => {
    const waiting = it.client.send(await fileSource(path), { signal: abort.signal });
    abort.abort();
    await assert.rejects(waiting, code("interrupted"));
  });
  const sent = it.client.send(await fileSource(path));
  using writer = await Deno.open(path, { write: true });
  await writer.write(pattern(10));
  writer[Symbol.dispose]();
  assert.equal((await sent).file?.size, 10);
});

Deno.test("fileSource() does not wait for a disk beyond an abort, and closes what is opened then", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("a");
  await Deno.writeFile(path, pattern(10));
  const { promise: back, resolve: answer } = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const { open } = Deno;
  Deno.open = async (...args) => {
    asked.resolve();
    await back;
    const file = await open(...args);
    const close = file.close.bind(file);
    file.close = () => closed.resolve(close());
    return file;
  };
  try {
    const abort = new AbortController();
    const opening = fileSource(path, { signal: abort.signal });
    await asked.promise;
    abort.abort();
    await assert.rejects(opening, code("interrupted"));
    answer();
    await closed.promise;
  } finally {
    Deno.open = open;
  }
  const signal = AbortSignal.abort();
  await assert.rejects(fileSource(path, { signal }), code("interrupted"));
});
