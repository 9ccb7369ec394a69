/** A thread with a store in shared memory, which does what it is asked. */
import { FxferError } from "../../src/errors.ts";
import { execute } from "../../src/session/mod.ts";
import { type SharedSessions, SharedSessionStore } from "../../src/store/mod.ts";
import { sample, sampleId, sampleRun } from "../session/samples.ts";

/** A question: a method of the store, `list` as an array, or `work`. */
export interface Ask {
  readonly call: number;
  readonly memory?: SharedSessions;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The answer, or the name and the code of an error. */
export interface Answer {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string };
}

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Ask>) => void;
  postMessage(answer: Answer): void;
};

let store: SharedSessionStore;

/** Gets `times` changes into each of `sessions`, in competition with other threads. */
async function work(sessions: number, times: number): Promise<void> {
  for (let n = 0; n < sessions * times;) {
    const id = sampleId(n % sessions);
    const kept = await store.load(id);
    const next = kept === undefined
      ? sample({ id })
      : execute(kept, sampleRun(kept.lastSequence + 1, { reply: { code: "ok", by: id } }));
    if (await store.save(next)) n++;
  }
}

async function run({ method, args, memory }: Ask): Promise<unknown> {
  switch (method) {
    case "open":
      store = new SharedSessionStore(memory!, { persistent: true });
      return;
    case "work":
      return await work(...args as [number, number]);
    case "list":
      return await Array.fromAsync(store.list(...args as ["all" | "live"]));
    default:
      return await Reflect.apply(Reflect.get(store, method), store, args);
  }
}

scope.onmessage = async ({ data }) => {
  const { call } = data;
  try {
    scope.postMessage({ call, value: await run(data) });
  } catch (error) {
    const { name, message } = error as Error;
    const code = error instanceof FxferError ? { code: error.code } : {};
    scope.postMessage({ call, error: { name, message, ...code } });
  }
};
