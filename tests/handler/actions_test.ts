/** The handlers answer each action as the table of actions says. */
import assert from "node:assert/strict";
import { type Action, ACTIONS, type Mode } from "../../src/protocol/mod.ts";
import { InProcess } from "../helpers/in_process.ts";
import type { RawReply } from "../helpers/raw_peer.ts";

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
  await using run = await InProcess.start({ stateful: { maxSessions: 1 } });
  const answers = new Answers();

  using alone = await run.open();
  for (const action of ["connect", "transfer", "heartbeat", "disconnect"] as const) {
    answers.add("stateless", action, await alone.request({ action }));
  }

  using peer = await run.open();
  answers.add("stateful", "connect", await peer.connect());
  using second = await run.open();
  answers.add("stateful", "connect", await second.connect({ fallback: "stateless" }));
  answers.add("stateful", "transfer", await peer.upload("part", { complete: false }));
  answers.add("stateful", "heartbeat", await peer.heartbeat());
  peer.close();
  using back = await run.open();
  answers.add("stateful", "connect", await back.connect({}, peer.id));
  answers.add("stateful", "transfer", await back.upload("rest", { offset: 4 }));
  answers.add("stateful", "disconnect", await back.disconnect());

  for (const action of Object.keys(ACTIONS) as Action[]) {
    for (const mode of ["stateless", "stateful"] as const) answers.compare(mode, action);
  }
});

Deno.test("S-SEQ-3 a frame moves the session's number on if ACTIONS says that it uses one up", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  for (const action of ["heartbeat", "transfer", "heartbeat", "disconnect"] as const) {
    const { lastSequence } = await run.record(peer.id);
    const used = ACTIONS[action].usesNumber ? 1 : 0;
    const sequence = lastSequence + used;
    await peer.request({ action, mode: "stateful", id: peer.id, sequence });
    assert.equal((await run.record(peer.id)).lastSequence, sequence, action);
  }
});
