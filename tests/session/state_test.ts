import assert from "node:assert/strict";
import { isAttached, nextState, type SessionState, STATE_NAMES } from "../../src/session/mod.ts";
import { coded, pure } from "./samples.ts";

// The whole product, written again as words: "→ state" or the code of the refusal.
const INPUTS = [
  "connect",
  "authorise",
  "transfer",
  "heartbeat",
  "detach",
  "expire",
  "disconnect",
  "forget",
] as const;

const expected: Record<SessionState, string> = {
  idle: "→connected internal_error not_connected not_connected " +
    "internal_error internal_error not_connected internal_error",
  connected: "→connected →authenticated not_connected not_connected " +
    "internal_error internal_error not_connected internal_error",
  authenticated: "protocol_error →authenticated →active →authenticated " +
    "→detached internal_error →closed internal_error",
  active: "protocol_error →authenticated →active →active " +
    "→detached internal_error →closed internal_error",
  detached: "protocol_error →authenticated not_connected not_connected " +
    "internal_error →expired →closed internal_error",
  expired: "session_expired ".repeat(7) + "→forgotten",
  closed: "session_expired ".repeat(7) + "→forgotten",
  forgotten: "session_unknown ".repeat(8).trim(),
};
const states = Object.keys(expected) as SessionState[];

for (const state of states) {
  pure(`nextState() answers every input in ${STATE_NAMES[state]} as the table says`, () => {
    const row = expected[state].split(" ");
    assert.equal(row.length, INPUTS.length);
    INPUTS.forEach((input, i) => {
      const want = row[i]!;
      if (want.startsWith("→")) {
        assert.equal(nextState(state, input), want.slice(1), `${state} ${input}`);
      } else {
        const fields = want === "session_expired" ? { state } : {};
        assert.throws(() => nextState(state, input), coded(want, fields), `${state} ${input}`);
      }
    });
  });
}

pure("No state but Cleanup is a dead end, and Cleanup is reached from every state", () => {
  for (const start of states) {
    const reached = new Set<SessionState>([start]);
    for (const state of reached) {
      for (const input of INPUTS) {
        try {
          reached.add(nextState(state, input));
        } catch {
          // Refused: no arrow.
        }
      }
    }
    assert.ok(reached.has("forgotten"), start);
  }
});

pure("isAttached() is true in Authenticated and Active alone", () => {
  assert.deepEqual(states.filter(isAttached), ["authenticated", "active"]);
});

pure("A refusal names the action first and the state, without a full stop", () => {
  assert.throws(() => nextState("detached", "transfer"), {
    message: "Cannot transfer: session is detached",
  });
});
