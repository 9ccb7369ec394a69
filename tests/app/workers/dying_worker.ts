/** A worker of the server that dies when it is told to, as one does that has a fault of its own. */
const DIE = "die";

// The guard of a serving program would keep the thread alive.
addEventListener("error", (event) => {
  if (event.error?.message === DIE) event.stopImmediatePropagation();
});
addEventListener("message", (event) => {
  if ((event as MessageEvent).data.type === DIE) throw Object.assign(new Error(DIE), { stack: "" });
});
await import("../../../src/app/workers/worker.ts");
