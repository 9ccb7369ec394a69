/** The other client of scenario "stream": runs the load it is told, in a thread of its own. @module */
import { type LoadPlan, runLoad } from "../../src/bench/mod.ts";

/** What a worker has; the whole library of worker types would change those of all other files. */
interface WorkerScope {
  onmessage: (event: MessageEvent<LoadPlan>) => void;
  postMessage(message: "begun" | number): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data }) => {
  scope.postMessage("begun");
  const { errors } = await runLoad(data);
  scope.postMessage(Object.keys(errors).length);
};
