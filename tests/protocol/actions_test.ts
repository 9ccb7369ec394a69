import assert from "node:assert/strict";
import { CODES } from "../../src/errors.ts";
import { type Action, ACTIONS } from "../../src/protocol/mod.ts";
import { accepts, decode, frame, header, refuses } from "./helpers.ts";

const test = (name: string, fn: () => void) => Deno.test({ name, permissions: "none", fn });
const actions = Object.entries(ACTIONS);

test("ACTIONS names every code of success, and no other code", () => {
  const answers = actions.flatMap(([, { answers }]) => Object.values(answers).flat());
  const codes = Object.entries(CODES).filter(([, spec]) => spec.class === "success");
  assert.deepEqual([...new Set(answers)].sort(), codes.map(([code]) => code).sort());
});

test("ACTIONS calls a field on the wire as in the record, in snake_case", () => {
  for (const { name, wire } of actions.flatMap(([, { data }]) => data.fields)) {
    assert.equal(wire, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  }
});

test("the decoder takes payload, session data and crit as ACTIONS says", () => {
  for (const [action, { payload, data }] of actions) {
    if (payload) accepts(header({ size: "0" }, { action: `"${action}"` }));
    else refuses(header({ size: "1" }, { action: `"${action}"` }), "invalid_field", "size");
    const [event] = decode([header({}, { action: `"${action}"` })]);
    assert.deepEqual((event?.request as { data?: unknown }).data, data.empty);
    const [known] = decode([frame(action, JSON.stringify({ crit: data.known }))]);
    assert.deepEqual([known?.type, known?.refusal], ["request", undefined]);
    const others = actions.flatMap(([, other]) => other.data.fields)
      .filter(({ wire }) => !data.known.includes(wire));
    for (const { wire } of others) {
      const [event] = decode([frame(action, JSON.stringify({ crit: [wire] }))]);
      assert.deepEqual(event?.refusal, ["unsupported_feature", { name: wire }]);
    }
    for (const { wire } of data.fields) {
      refuses(frame(action, JSON.stringify({ [wire]: { not: "a value" } })), "invalid_field", wire);
    }
  }
});

test("the most frequent action stands first: readers try the actions in this order", () => {
  const first: Action = "transfer";
  assert.equal(actions[0]?.[0], first);
});
