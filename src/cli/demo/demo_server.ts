/** The demo's server, its temporary folder, and proxies that break connections to it. @module */
import { type ConnectionPlan, FaultProxy } from "../../chaos/mod.ts";
import { serve } from "../../server/mod.ts";
import { DiskStorage } from "../../storage/mod.ts";
import { MemorySessionStore } from "../../store/mod.ts";
import { localError } from "../local.ts";

/** Small, so that a file of a few MiB comes in several frames. */
const REQUEST_BYTES = 1024 * 1024;

/** The server and its folder. Disposing of it stops the server and removes the folder. */
export interface DemoServer extends AsyncDisposable {
  /** Where files are stored. */
  readonly folder: string;
  /** The server's port. */
  readonly port: number;
  /** Starts a proxy in front of the server; it is closed together with the server. */
  startProxy(
    plan: (connection: number) => ConnectionPlan,
    onBytes: (connection: number, direction: "up" | "down", bytes: Uint8Array) => void,
    onCut: (connection: number) => void,
  ): Promise<FaultProxy>;
}

/**
 * Starts a server on a free port and a temporary folder.
 *
 * @throws {FxferError} `local_io` if the program may not do that.
 */
export async function startDemoServer(): Promise<DemoServer> {
  await using opened = new AsyncDisposableStack();
  let folder: string;
  try {
    folder = await Deno.makeTempDir({ prefix: "fxfer_demo_" });
  } catch (cause) {
    throw localError("make a temporary folder", cause);
  }
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  const storage = opened.use(await DiskStorage.open(folder));
  const store = opened.use(new MemorySessionStore());
  const server = opened.use(serve({ storage, store, port: 0, maxRequestSize: REQUEST_BYTES }));
  const { hostname, port } = server.addr;
  const owned = opened.move();
  return {
    folder,
    port,
    startProxy: async (plan, onBytes, onCut) =>
      owned.use(
        await FaultProxy.listen({
          target: { hostname, port },
          plan,
          onBytes,
          onEvent: (event) => void (event.type === "fault" && onCut(event.connection)),
        }),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
