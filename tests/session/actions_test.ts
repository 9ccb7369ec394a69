/**
 * The states of a session and the actions of the wire are two tables of two folders that do not import
 * each other. Here they are held against each other: every action in every state.
 */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { type Action, ACTIONS } from "../../src/protocol/mod.ts";
import {
  execute,
  type Execution,
  type FrameInput,
  nextState,
  type SessionState,
  STATE_NAMES,
} from "../../src/session/mod.ts";
import { pure, sample, sampleRun } from "./samples.ts";

// The compiler refuses these lines if one of the two has a name that the other has not.
const INPUT_OF: { readonly [A in Action]: FrameInput & A } = {
  connect: "connect",
  transfer: "transfer",
  heartbeat: "heartbeat",
  disconnect: "disconnect",
  fetch: "fetch",
  list: "list",
  remove: "remove",
};
const ACTION_OF: { readonly [I in FrameInput]: Action & I } = INPUT_OF;

const actions = Object.keys(ACTIONS) as Action[];

/** `moves`, or the code of the refusal. */
function answer(state: SessionState, action: Action): string {
  try {
    nextState(state, INPUT_OF[action]);
    return "moves";
  } catch (error) {
    if (error instanceof FxferError) return error.code;
    throw error;
  }
}

/** What the table of actions makes one expect of a frame in a state. */
function expected(state: SessionState, action: Action): string {
  const { needsSession } = ACTIONS[action];
  switch (state) {
    case "idle":
    case "connected":
      return needsSession ? "not_connected" : "moves";
    case "authenticated":
    case "active":
      return needsSession ? "moves" : "protocol_error";
    case "detached":
      // No frame meets this state: without a connection there is none. The server itself closes a
      // detached session for a client that wants a clean start (S-CON-3).
      if (action === "disconnect") return "moves";
      return needsSession ? "not_connected" : "protocol_error";
    case "expired":
    case "closed":
      return "session_expired";
    case "forgotten":
      return "session_unknown";
  }
}

for (const state of Object.keys(STATE_NAMES) as SessionState[]) {
  pure(`S-CON-7 nextState() in ${STATE_NAMES[state]} treats every action as ACTIONS says`, () => {
    for (const action of actions) {
      assert.equal(answer(state, action), expected(state, action), `${action} in ${state}`);
    }
  });
}

pure("S-SEQ-3 execute() takes the actions that use up a number, and no other", () => {
  const executed: { readonly [I in Execution["input"]]: Action & I } = {
    transfer: "transfer",
    disconnect: "disconnect",
    remove: "remove",
  };
  const using = actions.filter((action) => ACTIONS[action].usesNumber);
  assert.deepEqual(using.sort(), Object.keys(executed).sort());
  for (const input of Object.values(executed)) {
    assert.equal(execute(sample(), sampleRun(1, { input })).lastSequence, 1, input);
  }
});

pure("every action is an input of the states, and every input of a client is an action", () => {
  assert.deepEqual(actions.toSorted(), Object.keys(ACTION_OF).sort());
});
