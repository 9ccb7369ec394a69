/** Where a lesson happens: servers and proxies of this process, and frames that are shown. @module */
import { type ConnectionPlan, FaultProxy } from "../../chaos/mod.ts";
import { serve } from "../../server/mod.ts";
import { DiskStorage } from "../../storage/mod.ts";
import { MemorySessionStore, type SessionStore } from "../../store/mod.ts";
import { type Paint, paintOf, type TextStream } from "../../terminal/mod.ts";
import { wrap } from "../../text.ts";
import { frameLine } from "../demo/frame_line.ts";
import { WireView } from "../demo/wire_view.ts";
import { type TemporaryFolder, temporaryFolder } from "../temporary_folder.ts";

/** Small, so that a file of a few MiB comes in several frames. */
const REQUEST_BYTES = 1024 * 1024;

/** A way from a client to a server, on which frames are shown. */
export interface ShownRoad {
  readonly port: number;
  readonly view: WireView;
  /** How many connections were made so far. */
  readonly connections: number;
}

/** A running server. */
export interface StageServer {
  readonly port: number;
  /** Ends it; it can be started again on the same folder. */
  stop(): Promise<void>;
}

/** Runs what a lesson needs, and stops all of it when disposed. */
export class Stage implements AsyncDisposable {
  readonly #out: TextStream;
  readonly #paint: Paint;
  readonly #stack = new AsyncDisposableStack();
  readonly #folder: string;
  /** How many connections were made on all roads. */
  #connections = 0;
  /** The connection that the last line was about. */
  #shown = 0;
  /** Whether the lesson is over: how its connections end is not shown. */
  #isOver = false;

  private constructor(out: TextStream, folder: TemporaryFolder) {
    this.#out = out;
    this.#paint = paintOf(out);
    this.#folder = folder.path;
    this.#stack.use(folder);
  }

  /** @throws {FxferError} `local_io` if no temporary folder can be made. */
  static async open(out: TextStream): Promise<Stage> {
    return new Stage(out, await temporaryFolder("fxfer_learn_"));
  }

  /** The path of something in the lesson's own folder. */
  path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  /** Says something between two frames. */
  say(text: string): void {
    for (const line of wrap(text, 76)) this.#out.line(this.#paint("yellow", `  ${line}`));
  }

  /** Starts a server on a folder; sessions are kept in a memory of its own unless told otherwise. */
  async serve(
    folder: string,
    store: SessionStore = new MemorySessionStore(),
  ): Promise<StageServer> {
    const storage = await DiskStorage.open(this.path(folder));
    const options = {
      port: 0,
      maxRequestSize: REQUEST_BYTES,
      rate: "off",
      drainTimeoutMs: 50,
    } as const;
    const server = serve({ storage, store, ...options });
    let stopped: Promise<void> | undefined;
    const stop = () =>
      stopped ??= (async () => {
        await server[Symbol.asyncDispose]();
        await storage[Symbol.asyncDispose]();
      })();
    this.#stack.defer(stop);
    return { port: server.addr.port, stop };
  }

  /** Something that is to be disposed of at the end. */
  use<T extends AsyncDisposable>(value: T): T {
    return this.#stack.use(value);
  }

  /** Makes a way to a server, on which every frame is shown. */
  async road(
    port: number,
    plan: (connection: number) => ConnectionPlan = () => ({}),
  ): Promise<ShownRoad> {
    // The number of each connection of this road among those of all roads.
    const numbers: number[] = [];
    const tell = (connection: number, what = "") => {
      const number = numbers[connection]!;
      if (this.#isOver || (number === this.#shown && what === "")) return;
      this.#shown = number;
      this.#out.line(this.#paint("dim", `  · connection ${number}${what}`));
    };
    const view = new WireView((seen) => {
      tell(seen.connection);
      this.#out.line(frameLine(seen, this.#paint));
    });
    const proxy = await FaultProxy.listen({
      ...{ target: { hostname: "127.0.0.1", port }, plan, onBytes: view.feed },
      onEvent: ({ type, connection }) => {
        if (type === "open") numbers[connection] = ++this.#connections;
        if (type === "open") tell(connection, " opened");
        if (type === "fault") tell(connection, " is cut");
      },
    });
    this.#stack.use(proxy);
    return {
      ...{ port: proxy.port, view },
      get connections() {
        return numbers.length;
      },
    };
  }

  /** Shows nothing more. */
  end(): void {
    this.#isOver = true;
  }

  /** How many files a folder has stored: the lines of its manifest. */
  async stored(folder: string): Promise<number> {
    const text = await Deno.readTextFile(this.path(`${folder}/commits.jsonl`));
    return text.split("\n").filter((line) => line !== "").length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}
