import assert from "node:assert/strict";
import { close, execute, renewLease } from "../../src/session/mod.ts";
import { createSharedSessions, SharedSessionStore } from "../../src/store/mod.ts";
import { sample, sampleId, sampleRun, T0 } from "../session/samples.ts";
import { storeSuite } from "../store_suite.ts";

storeSuite("SharedSessionStore", () => {
  const memory = createSharedSessions();
  const open = () => Promise.resolve(new SharedSessionStore(memory, { persistent: true }));
  return Promise.resolve({
    store: new SharedSessionStore(memory, { persistent: true }),
    open,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}, {
  gaps: {
    damage: "records are bytes in memory, which nobody else can change",
    check: "a save cannot fail",
  },
});
