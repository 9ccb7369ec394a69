/**
 * The rules of sessions as a whole: every order of steps of two clients and two servers, with a process
 * that dies, a connection that is cut, a sweep or a store that loses its data in between, and servers
 * that stand still for as long as the others like. Then each rule is taken out once, and the same search
 * finds what it was for.
 */
import assert from "node:assert/strict";
import { pure } from "../helpers/pure.ts";
import { explore } from "./checker/explore.ts";
import { ALL_RULES, BEGINNING, type Rules, type World } from "./checker/world.ts";

const NOTHING = { crash: 0, cut: 0, loss: 0, sweep: 0 };

/** What may happen, and in how many worlds at least that ends well. */
const MISFORTUNES: Readonly<Record<string, World["left"]>> = {
  "a crash and a cut": { ...NOTHING, crash: 1, cut: 1 },
  "a crash and a sweep": { ...NOTHING, crash: 1, sweep: 1 },
  "a cut, and a store that loses its data": { ...NOTHING, cut: 1, loss: 1 },
};

for (const [name, left] of Object.entries(MISFORTUNES)) {
  pure(`No order of steps breaks a promise: ${name}`, () => {
    const { broken, worlds, happy } = explore(ALL_RULES, { ...BEGINNING, left });
    assert.equal(broken, undefined, `${broken?.what}\n${broken?.steps.join("\n")}`);
    // A search that is stuck at its beginning proves nothing.
    assert.ok(worlds > 50_000 && happy > 3000, `${worlds} worlds, ${happy} with every file stored`);
  });
}

pure(
  "S-SEQ-9 No order of steps breaks a promise: files that are noted and not announced, a crash",
  () => {
    const left = { ...NOTHING, crash: 1 };
    const { broken, worlds, happy } = explore(ALL_RULES, { ...BEGINNING, noted: true, left });
    assert.equal(broken, undefined, `${broken?.what}\n${broken?.steps.join("\n")}`);
    assert.ok(worlds > 200_000 && happy > 20_000, `${worlds} worlds, ${happy} with all stored`);
  },
);

/** Each rule, what is broken without it, and what has to happen for that to show. */
const WITHOUT: readonly (readonly [keyof Rules, string, keyof typeof MISFORTUNES, RegExp])[] = [
  [
    "keptReplies",
    "S-SEQ-1 kept replies",
    "a crash and a sweep",
    /^exactly once: .* stored 2 times/,
  ],
  ["intentFirst", "S-SEQ-5 the intent first", "a crash and a sweep", /^the offset .* fell/],
  ["intentsAreFinished", "S-SEQ-5 looking for the file", "a crash and a cut", /^exactly once: /],
  ["compareAndSet", "S-TAKE-2 compare-and-set", "a crash and a cut", /^the epoch went down/],
  ["refusedStops", "S-TAKE-2 stopping when refused", "a crash and a cut", /^the offset .* fell/],
  [
    "savedOffsets",
    "S-TRF-4 telling saved offsets only",
    "a crash and a cut",
    /^the offset .* fell/,
  ],
  ["okComesLast", "S-TRF-7 ok at the end", "a crash and a cut", /^ok was said, and file 1 is not/],
  [
    "unknownStaysUnknown",
    "S-CON-4 refusing unknown ids",
    "a cut, and a store that loses its data",
    /^the epoch went down/,
  ],
  ["cleanedIsNamedByNone", "S-TRF-10 careful sweeps", "a crash and a sweep", /^the offset .* fell/],
];

/** The same for files that are noted: takeovers alone show it. */
const WITHOUT_NOTED: readonly (readonly [keyof Rules, string])[] = [
  ["journalIsConfirmed", "a save that confirms the journal"],
  ["looksAtJournal", "a look at the journal before the final name"],
  ["takesJournalOver", "taking the journal over"],
  ["removesNoted", "removing the partial files that are noted"],
];

for (const [rule, name, misfortune, wanted] of WITHOUT) {
  pure(`Without ${name} a promise is broken`, () => {
    const left = MISFORTUNES[misfortune]!;
    const { broken } = explore({ ...ALL_RULES, [rule]: false }, { ...BEGINNING, left });
    assert.match(broken?.what ?? "nothing", wanted, broken?.steps.join("\n"));
  });
}

for (const [rule, name] of WITHOUT_NOTED) {
  pure(`S-SEQ-9 Without ${name} a file is stored twice`, () => {
    const world = { ...BEGINNING, noted: true, left: NOTHING };
    const { broken } = explore({ ...ALL_RULES, [rule]: false }, world);
    assert.match(broken?.what ?? "nothing", /^exactly once: /, broken?.steps.join("\n"));
  });
}

pure("Every rule of the checker is taken out once", () => {
  const taken = [...WITHOUT, ...WITHOUT_NOTED].map(([rule]) => rule);
  assert.deepEqual(taken.sort(), Object.keys(ALL_RULES).sort());
});
