/** Checks of names, fetch, list and remove (S-FEA, S-NAM, S-GET, S-LST, S-REM, S-ACT). @module */
import { type Check, expect, expectCode, NotOffered, type ServerUnderTest } from "./check.ts";
import { type Answer, frame, type Json, type ProbeClient } from "./probe_client.ts";

const FEATURES = [
  "names",
  "fetch",
  "list",
  "follows",
  "remove",
  "auth",
  "mac",
  "received",
  "early",
];
const RIGHTS = ["put", "get", "list", "remove"];

/** What an action takes: the feature of its name, and this right. */
const RIGHT_FOR = { fetch: "get", list: "list", remove: "remove" } as const;

type FileAction = keyof typeof RIGHT_FOR;

const VERSION = "2.1";

/** The terms that a client without a session is told. */
async function termsOf(peer: ProbeClient): Promise<{ features: string[]; may: string[] }> {
  const { data } = await peer.ask({ version: VERSION, action: "connect" });
  if (!Array.isArray(data.features)) throw new NotOffered("version 2.0, without features");
  return { features: data.features, may: data.may };
}

/** Makes a check that runs where the server offers these actions, and allows them to this client. */
const check = (
  rule: string,
  promise: string,
  needs: readonly FileAction[],
  run: (peer: ProbeClient, target: ServerUnderTest) => Promise<string>,
  stateful = false,
): Check => ({
  rule,
  promise,
  stateful,
  run: async (target) => {
    const peer = await target.open();
    const { features, may } = await termsOf(peer);
    for (const action of needs) {
      if (!features.includes(action)) throw new NotOffered(`${action} is not offered`);
      if (!may?.includes(RIGHT_FOR[action])) throw new NotOffered(`${action} is not allowed here`);
    }
    return await run(peer, target);
  },
});

const ask = (peer: ProbeClient, action: string, data: Json): Promise<Answer> =>
  peer.ask({ version: VERSION, action, data });

/** Stores "hello" under a name that nobody else has; says what the reply says of the file. */
async function store(peer: ProbeClient, folder = ""): Promise<Json> {
  const name = `${folder}conformance-${crypto.randomUUID()}.txt`;
  const answer = await peer.ask({ version: VERSION, payload: "hello", data: { name } });
  expectCode(answer, "ok");
  return { ...answer.data.file, name };
}

/** Fetches, and reads the payload as text. */
async function fetchText(peer: ProbeClient, data: Json): Promise<Answer & { payload: string }> {
  const answer = await ask(peer, "fetch", data);
  return { ...answer, payload: await peer.payload(answer) };
}

/** The checks, in the order of the contract. */
export const FILE_CHECKS: readonly Check[] = [
  check("S-FEA-1", "the features are told, also without a session", [], async (peer) => {
    const { features } = await termsOf(peer);
    const unknown = features.filter((name) => !FEATURES.includes(name));
    expect(unknown.length === 0, `unknown: ${unknown.join(" ")}`);
    return features.join(" ") || "none";
  }),
  check("S-FEA-2", "what this client may do is told", [], async (peer) => {
    const { may } = await termsOf(peer);
    const known = Array.isArray(may) && may.every((right) => RIGHTS.includes(right));
    expect(known, JSON.stringify(may) ?? "nothing");
    return may.join(" ") || "nothing";
  }),
  check("S-NAM-1", "a name may have folders, and no empty component", [], async (peer) => {
    const { features } = await termsOf(peer);
    if (!features.includes("names")) throw new NotOffered("names are not offered");
    await store(peer, "folder/inner/");
    const parts = { version: VERSION, payload: "x", data: { name: "a//b" } };
    const seen = expectCode(await peer.ask(parts), "invalid_field", { field: "name" });
    return `${seen}, then ${expectCode(await peer.ask({ payload: "x" }), "ok")}`;
  }),
  check("S-ACT-2", "what this client may not do is forbidden", [], async (peer) => {
    const { features, may } = await termsOf(peer);
    const seen: string[] = [];
    for (const [action, right] of Object.entries(RIGHT_FOR)) {
      if (!features.includes(action) || may.includes(right)) continue;
      expectCode(await ask(peer, action, { path: "x" }), "forbidden");
      seen.push(action);
    }
    return seen.length === 0 ? "everything is allowed" : `${seen.join(", ")}: forbidden`;
  }),
  check("S-GET-1", "a stored file comes back as it was sent", ["fetch"], async (peer) => {
    const { path, sha256 } = await store(peer);
    const { header, data, payload } = await fetchText(peer, { path });
    const seen = expectCode({ data }, "ok", { offset: 0 });
    expect(payload === "hello" && header.size === 5, `${header.size} bytes`);
    expect(data.file?.sha256 === sha256, "another sha256");
    expect(header.mime_type === "text/plain", header.mime_type);
    return `${seen}, 5 bytes`;
  }),
  check("S-GET-1", "offset and length choose a part", ["fetch"], async (peer) => {
    const { path } = await store(peer);
    const { payload } = await fetchText(peer, { path, offset: 1, length: 3 });
    expect(payload === "ell", `${payload.length} bytes`);
    return expectCode(await ask(peer, "fetch", { path, offset: 6 }), "offset_mismatch", {
      size: 5,
    });
  }),
  check("S-GET-2", "a fetch goes on at an offset, elsewhere", ["fetch"], async (peer, target) => {
    const { path } = await store(peer);
    const { payload } = await fetchText(await target.open(), { path, offset: 3 });
    expect(payload === "lo", `${payload.length} bytes`);
    return "the last 2 bytes";
  }),
  check("S-GET-3", "fetches that were sent at once come in order", ["fetch"], async (peer) => {
    const { path } = await store(peer);
    const offsets = [4, 0, 2, 5];
    const frames = offsets.map((offset) =>
      frame({ version: VERSION, action: "fetch", data: { path, offset } })
    );
    await peer.send(frames.join(""));
    for (const offset of offsets) {
      const answer = await peer.answer();
      expectCode(answer, "ok", { offset });
      const payload = await peer.payload(answer);
      expect(payload === "hello".slice(offset), `${payload.length} bytes from ${offset} on`);
    }
    return "4 in order";
  }),
  check(
    "S-ACT-2",
    "what does not exist is not found",
    ["fetch"],
    async (peer) => expectCode(await ask(peer, "fetch", { path: "../../etc/passwd" }), "not_found"),
  ),
  check("S-NAM-4", "a file is found by its name", ["fetch"], async (peer) => {
    const { name } = await store(peer);
    const { data, payload } = await fetchText(peer, { name });
    expect(payload === "hello" && data.file?.name === name, `${data.code}, another file`);
    return "that file";
  }),
  check("S-LST-1", "a list has what was stored, a page at a time", ["list"], async (peer) => {
    const folder = `conformance-${crypto.randomUUID()}/`;
    const names = [(await store(peer, folder)).name, (await store(peer, folder)).name];
    const seen: string[] = [];
    let after: string | undefined;
    while (seen.length < 3) {
      const { data }: Answer = await ask(peer, "list", { prefix: folder, limit: 1, after });
      expect(data.code === "ok" && Array.isArray(data.files), data.code);
      seen.push(...data.files.map((file: Json) => file.name));
      if (data.next === null) break;
      after = data.next;
    }
    expect(seen.join() === names.reverse().join(), `${seen.length} files`);
    return "2 files, newest first, in 2 pages";
  }),
  check("S-LST-2", "pages that follow are asked for at once", ["list"], async (peer) => {
    const { features } = await termsOf(peer);
    if (!features.includes("follows")) throw new NotOffered("follows is not offered");
    const folder = `conformance-${crypto.randomUUID()}/`;
    const names = [(await store(peer, folder)).name, (await store(peer, folder)).name];
    const page = (more: Json) =>
      frame({ version: VERSION, action: "list", data: { prefix: folder, limit: 1, ...more } });
    await peer.send(page({}) + page({ follows: true }));
    const seen: string[] = [];
    for (const _ of names) {
      const { data } = await peer.answer();
      expect(data.code === "ok" && Array.isArray(data.files), data.code);
      seen.push(...data.files.map((file: Json) => file.name));
    }
    expect(seen.join() === names.reverse().join(), `${seen.length} files`);
    return "2 pages at once";
  }),
  check("S-REM-1", "a removed file is gone, and again is ok", ["fetch", "remove"], async (peer) => {
    const { path } = await store(peer);
    const seen = expectCode(await ask(peer, "remove", { path }), "ok");
    expectCode(await ask(peer, "remove", { path }), "ok");
    return `${seen} twice, then ${expectCode(await ask(peer, "fetch", { path }), "not_found")}`;
  }),
  check(
    "S-ACT-1",
    "fetch uses no number, and remove the next one, once",
    ["fetch", "remove"],
    async (_, target) => {
      const peer = await target.open();
      expectCode(await peer.connect(), "session_created");
      const { id } = peer;
      const stored = await peer.put(1, "hello");
      expectCode(stored, "ok");
      const data = { path: stored.data.file.path };
      const parts = { version: VERSION, mode: "stateful", id, data };
      const got = await peer.ask({ ...parts, action: "fetch", sequence: 1 });
      expectCode(got, "ok");
      await peer.payload(got);
      expectCode(await peer.ask({ ...parts, action: "remove", sequence: 2 }), "ok");
      const again = await peer.ask({ ...parts, action: "remove", sequence: 2 });
      const seen = expectCode(again, "ok", { replayed: true });
      await peer.ask({ action: "disconnect", mode: "stateful", id, sequence: 3 });
      return seen;
    },
    true,
  ),
];
