/**
 * Checks of clients: each one lets the client send one file to a referee that does something to it, and
 * looks at what the client did.
 *
 * @module
 */
import { expect, NotOffered } from "./check.ts";
import { type Behaviour, Referee } from "./referee.ts";
import type { SeenFrame } from "./referee_memory.ts";

/** A client as a program that sends one file and ends. */
export interface ClientUnderTest {
  /** The bytes of the file it sends. */
  readonly bytes: Uint8Array;
  /** Sends the file to a port of 127.0.0.1; the exit code, or undefined if it had to be ended. */
  send(port: number): Promise<number | undefined>;
}

/** The check of one rule that a client has to keep. */
export interface ClientCheck {
  /** The rule's id, or one word where the contract has no id for it. */
  readonly rule: string;
  /** What the client promises, in a few words. */
  readonly promise: string;
  /**
   * Holds the client against the rule.
   *
   * @returns What was seen, in a few words.
   * @throws {Broken} If the client does not keep the promise.
   */
  run(client: ClientUnderTest): Promise<string>;
}

/** What a check looks at when the client has ended. */
interface Seen {
  readonly referee: Referee;
  readonly code: number | undefined;
  readonly client: ClientUnderTest;
}

function check(
  rule: string,
  promise: string,
  behaviour: (client: ClientUnderTest) => Behaviour,
  judge: (seen: Seen) => string,
): ClientCheck {
  return {
    rule,
    promise,
    run: async (client) => {
      await using referee = new Referee(behaviour(client));
      const code = await client.send(referee.port);
      expect(code !== undefined, "it did not end");
      expect(referee.frames.length > 0, `no frame came; exit code ${code}`);
      return judge({ referee, code, client });
    },
  };
}

/** The file is stored once, byte by byte, and the client says so. */
function stored({ referee, code, client }: Seen): void {
  const { faults, stored } = referee.memory;
  expect(faults.length === 0, faults[0] ?? "");
  expect(stored.length > 0, `not stored; exit code ${code}`);
  expect(stored.length === 1, `stored ${stored.length} times`);
  const { bytes } = stored[0]!;
  const same = bytes.length === client.bytes.length &&
    bytes.every((byte, at) => byte === client.bytes[at]);
  expect(same, `other bytes: ${bytes.length} instead of ${client.bytes.length}`);
  expect(code === 0, `stored, and yet exit code ${code}`);
}

/** The file is not stored, and the client says so. */
function refused({ referee, code }: Seen, wanted: string): string {
  expect(referee.memory.stored.length === 0, "stored all the same");
  expect(code !== 0, `exit code 0 after ${wanted}`);
  return `exit code ${code}`;
}

/** The rules of sessions say nothing about a client that opens none. */
function inSession({ referee }: Seen): void {
  const modes = transfers(referee).map(({ header }) => header.session.mode);
  if (!modes.includes("stateful")) throw new NotOffered("it opens no session");
}

/** The frames that carry the file. */
const transfers = (referee: Referee): SeenFrame[] => referee.framesOf("transfer");

const isTransfer = ({ header }: SeenFrame): boolean => header.session.action === "transfer";

/** Mischief for the first transfer alone. */
function atFirst(
  mischief: (frame: SeenFrame, client: ClientUnderTest, referee: Referee) => ReturnType<
    NonNullable<Behaviour["mischief"]>
  >,
): (client: ClientUnderTest) => Behaviour {
  return (client) => {
    let done = false;
    return {
      mischief: (frame, referee) => {
        if (done || !isTransfer(frame)) return undefined;
        done = true;
        return mischief(frame, client, referee);
      },
    };
  };
}

const plainly = (): Behaviour => ({});

/** The checks, in the order of the contract. */
export const CLIENT_CHECKS: readonly ClientCheck[] = [
  check("transfer", "a file arrives whole", plainly, (seen) => {
    stored(seen);
    return `in ${transfers(seen.referee).length} frames`;
  }),
  check("S-FRM-4", "unknown fields of replies are ignored", () => ({
    extra: { later: { deep: [1, null, { x: "ü" }] } },
  }), (seen) => {
    stored(seen);
    return "they were";
  }),
  check(
    "S-VER-2",
    "a reply of the lower minor version is read",
    () => ({ version: "2.0" }),
    (seen) => {
      stored(seen);
      return `it spoke ${seen.referee.frames[0]!.header.version}`;
    },
  ),
  check("frames", "replies are read however TCP cuts them", () => ({ drip: true }), (seen) => {
    stored(seen);
    return "byte by byte";
  }),
  check("S-CON-6", "no frame is over the size that the terms allow", ({ bytes }) => {
    const most = Math.ceil(bytes.length / 3);
    return { terms: { limits: { max_request_size: most, max_session_data: 65536 } } };
  }, (seen) => {
    inSession(seen);
    const most = Math.ceil(seen.client.bytes.length / 3);
    const sizes = transfers(seen.referee).map(({ header }) => header.size as number);
    expect(sizes.every((size) => size <= most), `${Math.max(...sizes)} bytes, allowed ${most}`);
    stored(seen);
    return `${sizes.length} frames`;
  }),
  check("S-CON-9", "a server that it does not know is not sent early frames", plainly, (seen) => {
    inSession(seen);
    const sessions = seen.referee.frames.filter(({ header: { session } }) =>
      session.mode === "stateful" && session.action !== "connect"
    );
    expect(sessions.every(({ header }) => header.session.id), "a frame with the id null");
    stored(seen);
    return `${sessions.length} frames, with the id`;
  }),
  check(
    "S-CON-6",
    "no more frames are unanswered than the terms allow",
    ({ bytes }) => ({
      terms: { max_inflight: 1, limits: { max_request_size: bytes.length / 4 } },
      mischief: (frame) => isTransfer(frame) ? { watch: 100 } : undefined,
    }),
    (seen) => {
      inSession(seen);
      stored(seen);
      return `${transfers(seen.referee).length} frames, one at a time`;
    },
  ),
  check(
    "S-CON-2",
    "after a cut the file goes on where the server has it",
    atFirst(({ header }) => ({ cutAt: Math.floor(header.size / 2) })),
    (seen) => {
      inSession(seen);
      stored(seen);
      const { referee, client } = seen;
      const sent = transfers(referee).reduce((sum, { arrived }) => sum + arrived, 0);
      if (transfers(referee)[0]!.header.session.mode === "stateless") {
        return "sent again, stateless";
      }
      expect(sent === client.bytes.length, `${sent} bytes for a file of ${client.bytes.length}`);
      const [, again] = referee.framesOf("connect");
      expect(again?.header.session.id !== null, "another session instead of the same one");
      return "no byte was sent twice";
    },
  ),
  check(
    "S-SEQ-1",
    "after a lost reply nothing is stored twice",
    atFirst(() => ({ lose: true })),
    (seen) => {
      stored(seen);
      return `asked again with number ${transfers(seen.referee).at(-1)!.header.session.sequence}`;
    },
  ),
  check(
    "retry",
    "a busy server is asked again, after the time it says",
    atFirst(() => ({ refuse: { code: "busy", class: "retry", retry_after_ms: 300 } })),
    (seen) => {
      stored(seen);
      const [first, second] = transfers(seen.referee);
      const waited = Math.round(second!.at - first!.at);
      expect(waited >= 300, `after ${waited} ms, told 300`);
      return `after ${waited} ms`;
    },
  ),
  check(
    "retry",
    "an unknown code counts by its class",
    atFirst(() => ({ refuse: { code: "out_of_tea", class: "retry", retry_after_ms: 10 } })),
    (seen) => {
      stored(seen);
      return "tried again";
    },
  ),
  check(
    "fatal",
    "a refusal for good is not asked again",
    () => ({ mischief: (frame) => isTransfer(frame) ? TOO_LARGE : undefined }),
    (seen) => {
      const tries = transfers(seen.referee).filter(({ data }) => (data.offset ?? 0) === 0).length;
      expect(tries === 1, `tried ${tries} times`);
      return refused(seen, "too_large");
    },
  ),
  check(
    "S-CON-4",
    "a session that is gone is replaced, and the file starts over",
    atFirst((_frame, _client, referee) => {
      referee.memory.forget();
      return { refuse: { code: "session_unknown", class: "resync" } };
    }),
    (seen) => {
      inSession(seen);
      stored(seen);
      return `${seen.referee.framesOf("connect").length} connects`;
    },
  ),
  check(
    "S-DRN-1",
    "a server that stops is left, and looked for again",
    atFirst(() => ({
      notice: { code: "server_shutting_down", class: "retry", retry_after_ms: 50 },
    })),
    (seen) => {
      stored(seen);
      return `${seen.referee.connections} connections`;
    },
  ),
  check(
    "S-TAKE-5",
    "a client that was displaced stays away",
    () => ({ mischief: (frame) => isTransfer(frame) ? TAKEN : undefined }),
    (seen) => {
      inSession(seen);
      const { connections, framesOf } = seen.referee;
      expect(connections === 1, `it came back: ${connections} connections`);
      expect(framesOf.call(seen.referee, "connect").length === 1, "it connected again");
      return refused(seen, "session_taken_over");
    },
  ),
  check("S-DIS-1", "a session is ended when it is not needed any more", plainly, (seen) => {
    inSession(seen);
    stored(seen);
    expect(seen.referee.framesOf("disconnect").length === 1, "no disconnect");
    return "it was";
  }),
];

const TOO_LARGE = { refuse: { code: "too_large", class: "fatal", limit: 1 } };
const TAKEN = { refuse: { code: "session_taken_over", class: "fatal" } };
