/** What happens in the lessons about where things are kept, and by how many servers. @module */
import { connect } from "../../client/mod.ts";
import { MemorySessionStore, SqliteSessionStore } from "../../store/mod.ts";
import { largeSample } from "../demo/samples.ts";
import { Peer } from "./peer.ts";
import { attach, type Held, mustReply, openSession, UPLOAD } from "./plays_of_rules.ts";
import type { Stage } from "./stage.ts";

const CUT_AFTER = 2_600_000;

/** One cut in a large file: how many of its bytes were sent twice? */
export async function resume(stage: Stage): Promise<string> {
  const server = await stage.serve("storage");
  const road = await stage.road(server.port, (connection) => ({
    up: {
      ...{ chunk: 64 * 1024, delayMs: 2 },
      faults: connection === 0 ? [{ after: CUT_AFTER, kind: "reset" as const }] : [],
    },
  }));
  await using client = await connect({ port: road.port, backoff: { initialMs: 20 } });
  const { name, mimeType, bytes } = largeSample();
  const { resumedFrom } = await client.send(bytes, { name, mimeType });
  await client.disconnect();
  const { payload } = road.view.totals;
  stage.say(
    `${name} has ${bytes.length} bytes. ${payload} bytes of files went over the wire, and the file ` +
      `went on from byte ${resumedFrom[0] ?? 0}.`,
  );
  return String(payload - bytes.length);
}

const HALF = new Uint8Array(50_000);

/** Sends the first half of a file of 100,000 bytes, and leaves the connection open. */
async function sendHalf(port: number): Promise<{ readonly held: Held; readonly peer: Peer }> {
  const peer = await Peer.open(port);
  const held = await openSession(peer);
  const data = {
    ...{ name: "half.bin", uploadId: UPLOAD, length: 2 * HALF.length },
    ...{ offset: 0, complete: false },
  };
  const frame = { action: "transfer", mode: "stateful", id: held.id, sequence: 1, data } as const;
  mustReply(await peer.ask(frame, HALF));
  return { held, peer };
}

/** A server ends in the middle of a file: from where does the file go on at the next one? */
export async function failover(stage: Stage): Promise<string> {
  let offset = 0;
  for (const kind of ["memory", "sqlite"] as const) {
    stage.say(
      `Sessions in ${kind === "memory" ? "memory" : "a SQLite file"}. Half a file is sent:`,
    );
    const store = () =>
      kind === "memory"
        ? new MemorySessionStore()
        : SqliteSessionStore.open(stage.path("sessions.db"));
    const firstStore = stage.use(await store());
    const server = await stage.serve(kind, firstStore);
    const { held, peer } = await sendHalf((await stage.road(server.port)).port);
    stage.say("The server ends, and another one starts on its folder:");
    const stopping = server.stop();
    {
      using _first = peer;
      await peer.next();
    }
    await stopping;
    const next = await stage.serve(kind, stage.use(await store()));
    using second = await Peer.open((await stage.road(next.port)).port);
    const { body } = await attach(second, held);
    offset = (body.upload as { readonly offset: number } | undefined)?.offset ?? 0;
  }
  return String(offset);
}

/** Two servers: what does the second one say to a session that the first one has made? */
export async function scaling(stage: Stage): Promise<string> {
  const [a, b] = [await stage.serve("a"), await stage.serve("b")];
  stage.say("Without a session, one file to server A and one to server B:");
  for (const { port } of [a, b]) {
    using peer = await Peer.open((await stage.road(port)).port);
    await peer.ask({ action: "transfer", data: { name: "any.txt" } }, HALF);
  }
  stage.say("A session of server A, shown to server B. Each has a memory of its own:");
  using first = await Peer.open((await stage.road(a.port)).port);
  const held = await openSession(first);
  using second = await Peer.open((await stage.road(b.port)).port);
  const { body: { code } } = await attach(second, held);

  stage.say("The same with one store for both, as Redis is for servers on several machines:");
  const shared = stage.use(new MemorySessionStore());
  const [c, d] = [await stage.serve("c", shared), await stage.serve("c", shared)];
  using third = await Peer.open((await stage.road(c.port)).port);
  const known = await openSession(third);
  using fourth = await Peer.open((await stage.road(d.port)).port);
  await attach(fourth, known);
  return code;
}
