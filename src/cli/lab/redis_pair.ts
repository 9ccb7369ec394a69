/** A Redis with a replica, reached at one address, for the experiments that keep sessions there. @module */
import { Road } from "../../lab/mod.ts";

/** Two `redis-server` processes; the road leads to the one that is the master. */
export class RedisPair implements AsyncDisposable {
  readonly #servers: readonly RedisServer[];
  readonly #road: Road;
  #master = 0;

  private constructor(servers: readonly RedisServer[]) {
    this.#servers = servers;
    this.#road = new Road({ to: () => this.#servers[this.#master]!.port });
  }

  /** Starts the pair; undefined where there is no `redis-server`. */
  static async start(folder: string): Promise<RedisPair | undefined> {
    const first = await RedisServer.start(folder);
    if (first === undefined) return undefined;
    const second = await RedisServer.start(folder, [
      "--replicaof",
      "127.0.0.1",
      String(first.port),
    ]);
    await second!.ask("PING");
    return new RedisPair([first, second!]);
  }

  get port(): number {
    return this.#road.port;
  }

  /** Forgets everything: an experiment does not find the sessions of another one. */
  async clear(): Promise<void> {
    await this.#servers[this.#master]!.ask("FLUSHALL");
  }

  /** The master dies, its replica takes over, and all connections are lost. */
  async failOver(): Promise<void> {
    const [old, next] = [this.#servers[this.#master]!, this.#servers[1 - this.#master]!];
    await old.stop();
    await next.ask("REPLICAOF NO ONE");
    this.#master = 1 - this.#master;
    this.#road.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#road[Symbol.asyncDispose]();
    for (const server of this.#servers) await server.stop();
  }
}

class RedisServer {
  readonly #child: Deno.ChildProcess;
  readonly port: number;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(
    folder: string,
    args: readonly string[] = [],
  ): Promise<RedisServer | undefined> {
    const port = freePort();
    const silent = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const plain = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command("redis-server", { args: [...plain, ...args], ...silent }).spawn();
    } catch {
      return undefined;
    }
    const server = new RedisServer(child, port);
    for (let tries = 0; tries < 100; tries++) {
      if (await server.ask("PING").catch(() => "") === "+PONG") return server;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await server.stop();
    return undefined;
  }

  /** The first line of the reply to a command. */
  async ask(command: string): Promise<string> {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    await conn.write(new TextEncoder().encode(`${command}\r\n`));
    const buffer = new Uint8Array(512);
    const count = await conn.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0)).split("\r\n")[0]!;
  }

  async stop(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
  }
}

/** A port that is free at this moment. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
