/** list, fetch and remove, against servers that play a script. @module */
import assert from "node:assert/strict";
import type { FetchRequest, FileInfo, RequestFrame } from "../../src/protocol/mod.ts";
import { LATE, within } from "../../src/within.ts";
import { sha256 } from "../helpers/files.ts";
import { watched } from "./helpers.ts";
import {
  code,
  pattern,
  type PeerConnection,
  type Received,
  ScriptedPeer,
} from "./scripted_peer.ts";

const FEATURES = { features: ["names", "fetch", "list", "remove"], may: ["get", "list", "remove"] };
const BYTES = pattern(300_000);
const SOME = "0".repeat(64);

function info(bytes: Uint8Array, more: Partial<FileInfo> = {}): FileInfo {
  const path = "files/public/a.bin";
  return {
    path,
    name: "a.bin",
    size: bytes.length,
    sha256: sha256(bytes),
    mime_type: "a/b",
    ...more,
  };
}

/** The request as one of an action. */
async function asked<A extends RequestFrame["action"]>(
  peer: PeerConnection,
  action: A,
): Promise<Received<Extract<RequestFrame, { action: A }>>> {
  const request = await peer.request();
  assert.equal(request.frame.action, action);
  return request as Received<Extract<RequestFrame, { action: A }>>;
}

/** Answers a fetch, with as much of the payload as `cut` says. */
async function give(
  peer: PeerConnection,
  { frame }: Received<FetchRequest>,
  bytes: Uint8Array,
  { cut = Infinity, ...more }: { readonly cut?: number } & Record<string, unknown> = {},
): Promise<void> {
  const { header: { session }, data: { offset, length } } = frame;
  const payload = bytes.subarray(offset, length === undefined ? undefined : offset + length);
  const body = {
    code: "ok",
    class: "success",
    message: "stored",
    file: info(bytes),
    offset,
    ...more,
  };
  const data = `${JSON.stringify(body)}\n`;
  const { dataSize: _, ...rest } = session;
  const head = {
    version: "2.1",
    mime_type: "a/b",
    size: payload.length,
    session: { ...rest, data_size: data.length },
  };
  await peer.send(new TextEncoder().encode(`${JSON.stringify(head)}\n${data}`));
  await peer.send(payload.subarray(0, cut));
}

/** A sink that gathers, and checks that pieces come in order. */
function gathering(at = 0): { parts: Uint8Array[]; sink: (b: Uint8Array, o: number) => void } {
  const parts: Uint8Array[] = [];
  const sink = (bytes: Uint8Array, offset: number) => {
    assert.equal(offset, at);
    at += bytes.length;
    parts.push(bytes.slice());
  };
  return { parts, sink };
}
const joined = async (parts: Uint8Array[]) =>
  new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());

Deno.test("S-GET-2 a fetch that is cut goes on at its offset, by the path, and is checked as a whole", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session(FEATURES);
      const first = await asked(peer, "fetch");
      assert.deepEqual(first.frame.data, { name: "a.bin", offset: 0 });
      await give(peer, first, BYTES, { cut: 100_000 });
    },
    async (peer) => {
      await peer.resumed(1, null, FEATURES);
      const second = await asked(peer, "fetch");
      assert.deepEqual(second.frame.data, { path: "files/public/a.bin", offset: 100_000 });
      assert.equal(second.frame.header.session.sequence, 0, "S-ACT-1: it uses up no number");
      await give(peer, second, BYTES);
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  const { parts, sink } = gathering();
  const result = await it.client.fetch({ name: "a.bin" }, sink);
  assert.deepEqual(await joined(parts), BYTES);
  const { file, ...rest } = result;
  assert.equal(file.sha256, sha256(BYTES));
  assert.deepEqual(rest, { bytes: BYTES.length, verified: true, resumedFrom: [100_000] });
  await it.client.disconnect();
});

Deno.test("S-GET-1 several fetches are pipelined and answered in order; a stream is closed when its file is checked", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    const requests = [
      await asked(peer, "fetch"),
      await asked(peer, "fetch"),
      await asked(peer, "fetch"),
    ];
    for (const request of requests) await give(peer, request, BYTES);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const parts: Uint8Array[] = [];
  let closed = false;
  const stream = new WritableStream<Uint8Array>({
    write: (bytes) => void parts.push(bytes),
    close: () => void (closed = true),
  });
  const range = gathering(1000);
  const [whole, part, again] = await Promise.all([
    it.client.fetch({ path: "p" }, stream),
    it.client.fetch({ path: "p" }, range.sink, { offset: 1000, length: 10 }),
    it.client.fetch({ path: "p" }, () => {}),
  ]);
  assert.ok(closed && whole.verified && again.verified && !part.verified);
  assert.deepEqual(await joined(parts), BYTES);
  assert.deepEqual(await joined(range.parts), BYTES.slice(1000, 1010));
  await it.client.disconnect();
});

Deno.test("S-GET-2 bytes that are not those of the file's digest are checksum_mismatch, and a stream is aborted", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    await give(peer, await asked(peer, "fetch"), BYTES, { file: info(pattern(BYTES.length, 2)) });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  let aborted: unknown;
  const stream = new WritableStream({ abort: (reason) => void (aborted = reason) });
  await assert.rejects(it.client.fetch({ name: "a" }, stream), code("checksum_mismatch"));
  assert.ok(code("checksum_mismatch")(aborted));
});

Deno.test("A fetch that goes on checks the bytes before, and takes nothing of another file", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    for (let n = 0; n < 2; n++) {
      const request = await asked(peer, "fetch");
      assert.equal(request.frame.data.offset, 1000);
      await give(peer, request, BYTES);
    }
    await give(peer, await asked(peer, "fetch"), pattern(10, 9));
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const before = (bytes: Uint8Array) => ({
    size: bytes.length,
    read(into: Uint8Array, offset: number) {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return Promise.resolve(part.length || null);
    },
  });
  const { parts, sink } = gathering(1000);
  const result = await it.client.fetch({ path: "p" }, sink, {
    before: before(BYTES.slice(0, 1000)),
  });
  assert.ok(result.verified);
  assert.deepEqual(await joined(parts), BYTES.slice(1000));
  const wrong = it.client.fetch({ path: "p" }, () => {}, { before: before(new Uint8Array(1000)) });
  await assert.rejects(wrong, code("checksum_mismatch"));
  const other = it.client.fetch({ path: "p" }, () => assert.fail("a byte came"), {
    sha256: sha256(BYTES),
  });
  await assert.rejects(other, code("checksum_mismatch"));
});

Deno.test("A fetch that is given up in mid-file costs the connection; the other fetch goes on over a new one", async () => {
  const large = pattern(4 << 20);
  const gate = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session(FEATURES);
      const request = await asked(peer, "fetch");
      await asked(peer, "fetch");
      await give(peer, request, large, { cut: 200_000 });
      await gate.promise;
      await peer.send(large.subarray(200_000)).catch(() => {});
    },
    async (peer) => {
      await peer.resumed(1, null, FEATURES);
      await give(peer, await asked(peer, "fetch"), BYTES);
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  const stop = new AbortController();
  const first = it.client.fetch({ path: "p" }, () => {}, {
    signal: stop.signal,
    onProgress: () => {
      stop.abort();
      gate.resolve();
    },
  });
  const second = it.client.fetch({ path: "p" }, () => {});
  await assert.rejects(first, code("interrupted"));
  assert.ok((await second).verified);
});

Deno.test("A fetch whose sink is slow when the connection is lost goes on behind the piece that the sink has", async () => {
  const inSink = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session(FEATURES);
      await give(peer, await asked(peer, "fetch"), BYTES, { cut: 50_000 });
      await peer.partOfTransfer(10);
      await inSink.promise;
      stop.abort();
      await peer.rest().catch(() => {});
    },
    async (peer) => {
      await peer.resumed(1, null, FEATURES);
      const asking = asked(peer, "fetch");
      assert.equal(await within(50, asking), LATE, "it asks only when the sink has the piece");
      mayEnd.resolve();
      const again = await asking;
      assert.equal(again.frame.data.offset, at);
      await give(peer, again, BYTES);
      await peer.idle();
    },
  );
  const stop = new AbortController();
  await using it = await watched(peer.port);
  let at = 0;
  const sink = async (bytes: Uint8Array, offset: number) => {
    assert.equal(offset, at);
    inSink.resolve();
    if (offset === 0) await mayEnd.promise;
    at += bytes.length;
  };
  const fetched = it.client.fetch({ path: "p" }, sink);
  const sent = it.client.send(pattern(20 << 20), { signal: stop.signal });
  await assert.rejects(sent, code("interrupted"));
  assert.ok((await fetched).verified);
});

Deno.test("A sink that fails rejects its fetch with local_io, and the client goes on", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    for (let n = 0; n < 2; n++) await give(peer, await asked(peer, "fetch"), BYTES);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const full = it.client.fetch({ path: "p" }, () => Promise.reject(new Error("no space")));
  await assert.rejects(full, code("local_io"));
  assert.ok((await it.client.fetch({ path: "p" }, () => {})).verified);
});

Deno.test("A server that answers a fetch well and sends no byte is given up after the tries", async () => {
  const script = (resumed: boolean) => async (peer: PeerConnection) => {
    await (resumed ? peer.resumed(1, null, FEATURES) : peer.session(FEATURES));
    await give(peer, await asked(peer, "fetch"), BYTES, { cut: 0 });
  };
  await using peer = new ScriptedPeer(script(false), script(true), script(true));
  await using it = await watched(peer.port, { retries: 2 });
  await assert.rejects(it.client.fetch({ path: "p" }, () => {}), code("connection_lost"));
});

Deno.test("S-LST-1 list follows the pages; entries that are no files end it", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    const first = await asked(peer, "list");
    assert.deepEqual(first.frame.data, { prefix: "p/", limit: 2, order: "name" });
    await peer.reply(first, { code: "ok", files: [info(BYTES), info(BYTES)], next: "x" });
    const second = await asked(peer, "list");
    assert.equal(second.frame.data.after, "x");
    await peer.reply(second, { code: "ok", files: [info(BYTES, { mtime_ms: 5 })], next: null });
    await peer.reply(await asked(peer, "list"), { code: "ok", files: [{ path: 3 }], next: null });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const query = { prefix: "p/", pageSize: 2, order: "name" } as const;
  const files = await Array.fromAsync(it.client.list(query));
  assert.deepEqual(files, [info(BYTES), info(BYTES), info(BYTES, { mtime_ms: 5 })]);
  await assert.rejects(Array.fromAsync(it.client.list()), code("protocol_error"));
});

Deno.test("S-LST-1 the next page is asked for before the program has read this one, and a program may stop", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    const page = { code: "ok", files: [info(BYTES), info(BYTES)], next: "x" } as const;
    await peer.reply(await asked(peer, "list"), page);
    const second = await asked(peer, "list");
    assert.equal(second.frame.data.after, "x");
    went.resolve();
    await peer.reply(second, { ...page, next: "y" });
    await peer.idle();
  });
  const went = Promise.withResolvers<void>();
  await using it = await watched(peer.port);
  for await (const _ of it.client.list({ pageSize: 2 })) {
    await went.promise;
    break;
  }
  await it.client.disconnect();
});

Deno.test("S-LST-2 pages are asked for at once, and again behind one that was refused", async () => {
  const file = (name: string) => info(BYTES, { name });
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ ...FEATURES, features: [...FEATURES.features, "follows"] });
    const first = await asked(peer, "list");
    const second = await asked(peer, "list");
    const third = await asked(peer, "list");
    assert.deepEqual(
      [first, second, third].map(({ frame: { data } }) => [data.after, data.follows]),
      [[undefined, undefined], [undefined, true], [undefined, true]],
    );
    await peer.reply(first, { code: "ok", files: [file("1")], next: "x" });
    // The fourth page goes out when the first is here, behind the third.
    const fourth = await asked(peer, "list");
    assert.equal(fourth.frame.data.follows, true);
    await peer.reply(second, { code: "busy", retry_after_ms: 1 });
    for (const behind of [third, fourth]) await peer.reply(behind, { code: "sequence_gap" });
    const again = await asked(peer, "list");
    assert.deepEqual([again.frame.data.after, again.frame.data.follows], ["x", undefined]);
    await peer.reply(again, { code: "ok", files: [file("2")], next: "y" });
    const behind = await asked(peer, "list");
    // It is asked behind the second, or when that is here.
    assert.ok(behind.frame.data.follows === true || behind.frame.data.after === "y");
    await peer.reply(behind, { code: "ok", files: [file("3")], next: null });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const names: (string | undefined)[] = [];
  for await (const { name } of it.client.list({ pagesAhead: 3 })) names.push(name);
  assert.deepEqual(names, ["1", "2", "3"]);
});

Deno.test("S-LST-2 a server that does not offer it is asked for one page after the other", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    for (const after of [undefined, "1", "2"]) {
      const page = await asked(peer, "list");
      assert.deepEqual([page.frame.data.after, page.frame.data.follows], [after, undefined]);
      const next = after === undefined ? "1" : after === "1" ? "2" : null;
      await peer.reply(page, { code: "ok", files: [info(BYTES)], next });
    }
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await Array.fromAsync(it.client.list({ pagesAhead: 8 }))).length, 3);
  const wrong = Array.fromAsync(it.client.list({ pagesAhead: 65 }));
  await assert.rejects(wrong, RangeError);
});

Deno.test("fetch: a file that comes whole goes to `whole` when its digest is right, and not to the sink", async () => {
  const small = pattern(1000);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    await give(peer, await asked(peer, "fetch"), small);
    await give(peer, await asked(peer, "fetch"), small, { file: { ...info(small), sha256: SOME } });
    await give(peer, await asked(peer, "fetch"), small);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const taken: Uint8Array[] = [];
  const fail = () => assert.fail("it came in one piece");
  const whole = (bytes: Uint8Array) => void taken.push(bytes.slice());
  const { verified } = await it.client.fetch({ path: "p" }, fail, { whole });
  assert.ok(verified);
  const damaged = it.client.fetch({ path: "p" }, fail, { whole });
  await assert.rejects(damaged, code("checksum_mismatch"));
  assert.deepEqual(taken, [small]);
  const full = it.client.fetch({ path: "p" }, fail, {
    whole: () => Promise.reject(new Error("the disk is full")),
  });
  await assert.rejects(full, code("local_io"));
});

Deno.test("S-REM-1 S-ACT-1 a removal whose reply was lost is repeated under its number, and once", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session(FEATURES);
      const { frame } = await asked(peer, "remove");
      assert.equal(frame.header.session.sequence, 1);
    },
    async (peer) => {
      await peer.resumed(2, null, FEATURES);
      const again = await asked(peer, "remove");
      assert.equal(again.frame.header.session.sequence, 1);
      await peer.reply(again, { code: "ok", file: info(BYTES), replayed: true });
      const next = await asked(peer, "remove");
      assert.equal(next.frame.header.session.sequence, 2);
      await peer.reply(next, { code: "not_found" });
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  assert.deepEqual(await it.client.remove("p"), { file: info(BYTES), replayed: true });
  await assert.rejects(it.client.remove("q"), code("not_found"));
});

Deno.test("A removal that may have run before its session was lost takes not_found for done", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session(FEATURES);
      await asked(peer, "remove");
    },
    async (peer) => {
      await peer.reply(await peer.request(), { code: "session_unknown" });
    },
    async (peer) => {
      await peer.session(FEATURES);
      await peer.reply(await asked(peer, "remove"), { code: "not_found" });
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  assert.deepEqual(await it.client.remove("p"), { file: undefined, replayed: true });
});

Deno.test("S-FEA-1 what a server does not list is not asked for", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ features: ["list"] });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const message = "Cannot fetch file: the server does not offer fetch";
  await assert.rejects(it.client.fetch({ name: "a" }, () => {}), {
    code: "unsupported_feature",
    message,
  });
  await assert.rejects(it.client.remove("a"), code("unsupported_feature"));
  await it.client.disconnect();
});

Deno.test("stored() asks for a file without its bytes", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(FEATURES);
    const there = await asked(peer, "fetch");
    assert.deepEqual(there.frame.data, { name: "a", offset: 0, length: 0 });
    await give(peer, there, BYTES);
    await peer.reply(await asked(peer, "fetch"), { code: "not_found" });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.deepEqual(await it.client.stored({ name: "a" }), info(BYTES));
  assert.equal(await it.client.stored({ path: "b" }), undefined);
});

for (const circle of [1, 2, 7]) {
  Deno.test(`S-LST-1 a list that goes round in a circle of ${circle} pages is ended with an error`, async () => {
    await using peer = new ScriptedPeer(async (peer) => {
      await peer.session({ ...FEATURES, features: [...FEATURES.features, "follows"] });
      for (let n = 0;; n++) {
        const request = await peer.request();
        if (request.frame.action !== "list") {
          return await peer.reply(request, { code: "session_closed", files: 0 });
        }
        await peer.reply(request, { code: "ok", files: [info(BYTES)], next: `${n % circle}` });
      }
    });
    await using it = await watched(peer.port);
    let seen = 0;
    const reading = async () => {
      for await (const _ of it.client.list({ pagesAhead: 2 })) seen++;
    };
    await assert.rejects(reading(), code("protocol_error"));
    assert.ok(seen >= circle && seen <= 3 * circle, `${seen} files of a circle of ${circle}`);
    await it.client.disconnect();
  });
}
