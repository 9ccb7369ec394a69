/** The handlers answer each action as the table of actions says. */
import assert from "node:assert/strict";
import { type Action, ACTIONS, type Mode } from "../../src/protocol/mod.ts";
import { Catalogued } from "../helpers/catalogued.ts";
import { InProcess } from "../helpers/in_process.ts";
import type { RawReply } from "../helpers/raw_peer.ts";

const RIGHTS = ["put", "get", "list", "remove"] as const;

/** Codes that were answered, by mode and action. */
class Answers {
  readonly #codes = new Map<string, Set<string>>();

  add(mode: Mode, action: Action, { data }: RawReply): void {
    const key = `${mode} ${action}`;
    this.#codes.set(key, (this.#codes.get(key) ?? new Set()).add(data.code));
  }

  /** The codes answered, and those of the table, sorted. */
  compare(mode: Mode, action: Action): void {
    const seen = [...this.#codes.get(`${mode} ${action}`) ?? []].sort();
    assert.deepEqual(seen, [...ACTIONS[action].answers[mode] ?? []].sort(), `${mode} ${action}`);
  }
}

Deno.test("every action is answered in each mode with the codes that ACTIONS names", async () => {
  await using run = await InProcess.start({
    stateful: { maxSessions: 1 },
    anonymous: RIGHTS,
    storage: (disk, folder) => new Catalogued(folder).over(disk),
  });
  const answers = new Answers();

  using alone = await run.open();
  const ask = async (action: Action, data = {}) => {
    const reply = await alone.request({ action, data });
    answers.add("stateless", action, reply);
    return reply.data;
  };
  await ask("connect");
  const { path } = (await ask("transfer")).file;
  await ask("list");
  await ask("fetch", { path });
  await ask("remove", { path });
  await ask("heartbeat");
  await ask("disconnect");

  using peer = await run.open();
  answers.add("stateful", "connect", await peer.connect());
  using second = await run.open();
  answers.add("stateful", "connect", await second.connect({ fallback: "stateless" }));
  answers.add("stateful", "transfer", await peer.upload("part", { complete: false }));
  answers.add("stateful", "heartbeat", await peer.heartbeat());
  peer.close();
  using back = await run.open();
  answers.add("stateful", "connect", await back.connect({}, peer.id));
  const { data: { file }, ...rest } = await back.upload("rest", { offset: 4 });
  answers.add("stateful", "transfer", { ...rest, data: { code: "ok" } });
  for (const action of ["list", "fetch", "remove"] as const) {
    const sequence = ACTIONS[action].usesNumber ? ++back.sequence : back.sequence;
    const parts = { action, mode: "stateful", id: back.id, sequence, data: { path: file.path } };
    const reply = await back.request(parts);
    if (action === "fetch") await back.payload(reply);
    answers.add("stateful", action, reply);
  }
  answers.add("stateful", "disconnect", await back.disconnect());

  for (const action of Object.keys(ACTIONS) as Action[]) {
    for (const mode of ["stateless", "stateful"] as const) answers.compare(mode, action);
  }
});

Deno.test("S-SEQ-3 a frame moves the session's number on if ACTIONS says that it uses one up", async () => {
  await using run = await InProcess.start({
    anonymous: RIGHTS,
    storage: (disk, folder) => new Catalogued(folder).over(disk),
  });
  using peer = await run.attached();
  const { path } = (await peer.upload("x")).data.file;
  for (
    const action of [
      "heartbeat",
      "transfer",
      "list",
      "fetch",
      "heartbeat",
      "remove",
      "disconnect",
    ] as const
  ) {
    const { lastSequence } = await run.record(peer.id);
    const used = ACTIONS[action].usesNumber ? 1 : 0;
    const sequence = lastSequence + used;
    const data = { path };
    const reply = await peer.request({ action, mode: "stateful", id: peer.id, sequence, data });
    await peer.payload(reply);
    assert.equal((await run.record(peer.id)).lastSequence, sequence, action);
  }
});
