/** A worker that listens like those of the server, and dies when it is asked whether it is ready. */
import type { FromWorker, ToWorker } from "../../../src/app/workers/worker.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker): void;
};

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "start": {
      const { host: hostname, port } = data.config.server;
      const listener = Deno.listen({ hostname, port: Number(port), reusePort: true });
      (async () => {
        for (;;) (await listener.accept()).close();
      })();
      scope.postMessage({ type: "listening", hostname, tier: "RW", durability: "process" });
      break;
    }
    case "check":
      throw new Error("told to die");
    case "stop":
      scope.postMessage({ type: "stopped" });
  }
};
