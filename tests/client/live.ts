/** A real server for tests of the client. @module */
import { serve, type ServeOptions } from "../../src/server/mod.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { type ConnectionPlan, FaultProxy } from "../helpers/fault_proxy.ts";
import { TempDir } from "../helpers/temp.ts";

/** A real server on a folder of its own. */
export class Live implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  dir = "";
  port = 0;

  static async start(options: Partial<ServeOptions> = {}): Promise<Live> {
    const live = new Live();
    const folder = live.#stack.use(await TempDir.make());
    live.dir = folder.path;
    const storage = live.#stack.use(await DiskStorage.open(folder.path));
    const store = live.#stack.use(new MemorySessionStore());
    const server = serve({ storage, store, port: 0, rate: "off", drainTimeoutMs: 500, ...options });
    live.#stack.use(server);
    live.port = server.addr.port;
    return live;
  }

  /** A proxy in front of it, with a plan for each connection; later ones are left alone. */
  proxy(...plans: ConnectionPlan[]): Promise<FaultProxy> {
    const target = { hostname: "127.0.0.1", port: this.port };
    return FaultProxy.listen({ target, plan: (n) => plans[n] ?? {} });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
