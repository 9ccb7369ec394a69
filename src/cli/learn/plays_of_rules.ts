/** What happens in the lessons about the rules of a session. @module */
import { connect } from "../../client/mod.ts";
import { FxferError } from "../../errors.ts";
import type { ReplyFrame } from "../../protocol/mod.ts";
import { largeSample } from "../demo/samples.ts";
import { Peer } from "./peer.ts";
import type { Stage } from "./stage.ts";

/** A small file. */
const BYTES = new TextEncoder().encode("Hello from fxfer.\n");

/** Names the upload of a file that comes in parts. */
export const UPLOAD = "5e55104e-0000-4000-8000-000000000001";

/** Holds bytes back: on one machine all of them would be under way before the server has any. */
const SLOW = { chunk: 64 * 1024, delayMs: 1 } as const;

/** A session as a client holds it. */
export interface Held {
  readonly id: string;
  readonly token: string;
}

/** Opens a session. */
export async function openSession(peer: Peer): Promise<Held> {
  const reply = await peer.ask({ action: "connect", mode: "stateful", data: { wantToken: true } });
  const { id } = mustReply(reply).header.session;
  return { id: id!, token: reply!.body.token as string };
}

/** Attaches a connection to a session; the reply tells what came of it. */
export async function attach(peer: Peer, { id, token }: Held): Promise<ReplyFrame> {
  return mustReply(
    await peer.ask({ action: "connect", mode: "stateful", id, data: { token } }),
  );
}

/** The reply, which must be there. @throws {FxferError} `connection_lost`. */
export function mustReply(reply: ReplyFrame | undefined): ReplyFrame {
  if (reply !== undefined) return reply;
  throw new FxferError("connection_lost", "Cannot go on with the lesson: a connection was lost");
}

/** One session over several connections: how many were there? */
export async function connections(stage: Stage): Promise<string> {
  const server = await stage.serve("storage");
  const cuts = [700_000, 1_500_000];
  const road = await stage.road(server.port, (connection) => ({
    up: {
      ...SLOW,
      faults: cuts[connection] === undefined
        ? []
        : [{ after: cuts[connection], kind: "reset" as const }],
    },
  }));
  await using client = await connect({ port: road.port, backoff: { initialMs: 20 }, random: half });
  const { name, mimeType, bytes } = largeSample();
  await client.send(bytes, { name, mimeType });
  await client.disconnect();
  return String(road.connections);
}

const half = () => 0.5;

/** The reply to an upload is lost, without a session and in one: how many copies are stored? */
export async function exactlyOnce(stage: Stage): Promise<string> {
  const server = await stage.serve("storage");
  // How long the reply to a connect is, so that the cut falls into the reply behind it.
  using probe = await Peer.open(server.port);
  const probed = await openSession(probe);
  const connectBytes = probe.received;
  await probe.ask({ action: "disconnect", mode: "stateful", ...idOf(probed), sequence: 1 });
  const lost = (after: number) => (connection: number) => ({
    down: { faults: connection === 0 ? [{ after, kind: "reset" as const }] : [] },
  });

  stage.say("Without a session. The reply is cut, so the client sends the file again:");
  const plain = await stage.road(server.port, lost(20));
  for (let tries = 0; tries < 2; tries++) {
    using peer = await Peer.open(plain.port);
    await peer.ask({ action: "transfer", data: { name: "plain.txt" } }, BYTES);
  }

  stage.say("In a session. The reply is cut in the same way, and frame 1 is sent again:");
  const road = await stage.road(server.port, lost(connectBytes + 20));
  const data = { name: "numbered.txt" };
  using first = await Peer.open(road.port);
  const held = await openSession(first);
  const frame = { action: "transfer", mode: "stateful", ...idOf(held), sequence: 1, data } as const;
  await first.ask(frame, BYTES);
  using second = await Peer.open(road.port);
  await attach(second, held);
  const { body } = mustReply(await second.ask(frame, BYTES));
  stage.say(`That reply says replayed: ${body.replayed === true}.`);
  return String(await stage.stored("storage"));
}

const idOf = ({ id }: Held) => ({ id });

/** A second connection takes the session over: what is the first one told? */
export async function takeover(stage: Stage): Promise<string> {
  const server = await stage.serve("storage");
  const road = await stage.road(server.port);
  const file = { name: "half.txt", uploadId: UPLOAD, length: 2 * BYTES.length };
  using one = await Peer.open(road.port);
  const held = await openSession(one);
  const frame = { action: "transfer", mode: "stateful", ...idOf(held) } as const;
  const part = { ...file, offset: 0, complete: false };
  await one.ask({ ...frame, sequence: 1, data: part }, BYTES);
  stage.say("A second connection shows the session's id and its secret:");
  using two = await Peer.open(road.port);
  await attach(two, held);
  const notice = mustReply(await one.next());
  stage.say("Only the second one can go on with the file:");
  const rest = { ...file, offset: BYTES.length, complete: true };
  await two.ask({ ...frame, sequence: 2, data: rest }, BYTES);
  const late = await one.ask({ ...frame, sequence: 3, data: { name: "late.txt" } }, BYTES);
  stage.say(`The first one tries to send another file: ${late?.body.code ?? "nobody listens"}.`);
  return notice.body.code;
}
