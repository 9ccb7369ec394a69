/**
 * A real Redis for one test: on a free port of this machine, in a folder of its own, without files.
 *
 * @module
 */
import { freePort } from "./free_port.ts";
import { until } from "./serving.ts";
import { TempDir } from "./temp.ts";

/** A running redis-server; dispose it to end it. */
export class RedisServer implements AsyncDisposable {
  #child: Deno.ChildProcess | undefined;

  private constructor(
    readonly program: string,
    readonly port: number,
    readonly dir: TempDir,
    readonly args: readonly string[],
    readonly first: readonly string[] = [],
    /** Its port for TLS, if it has one. */
    readonly tlsPort: number | undefined = undefined,
  ) {}

  /**
   * Starts one and waits until it answers.
   *
   * @param program Its path, as `testWith` gives it.
   * @param args Further arguments, for example `["--requirepass", "secret"]`.
   * @param beside The ports so far above its own must be free as well.
   * @param tls Arguments that name certificates, for TLS on a port beside its own.
   */
  static async start(
    program: string,
    args: readonly string[] = [],
    beside: readonly number[] = [],
    tls?: readonly string[],
  ): Promise<RedisServer> {
    const tlsPort = tls && freePort(...beside);
    const more = tls === undefined ? [] : [...tls, "--tls-port", String(tlsPort)];
    const dir = await TempDir.make();
    const all = [...args, ...more];
    const server = new RedisServer(program, freePort(...beside), dir, all, [], tlsPort);
    await server.start();
    return server;
  }

  /** Starts one as a Sentinel, which keeps what it finds out in its configuration file. */
  static async sentinel(
    program: string,
    conf: string,
    tls?: readonly string[],
  ): Promise<RedisServer> {
    const dir = await TempDir.make();
    const file = dir.join("sentinel.conf");
    await Deno.writeTextFile(file, conf);
    const tlsPort = tls && freePort();
    const more = tls === undefined ? [] : [...tls, "--tls-port", String(tlsPort)];
    const first = [file, "--sentinel"];
    const server = new RedisServer(program, freePort(), dir, more, first, tlsPort);
    await server.start();
    return server;
  }

  /** Its URL, without credentials. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it again after {@linkcode kill}; what it held is gone. */
  async start(): Promise<void> {
    this.#child = new Deno.Command(this.program, {
      args: [
        ...this.first,
        ...["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.dir.path],
        ...(this.first.length > 0 ? [] : ["--save", "", "--appendonly", "no"]),
        ...this.args,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(() => this.#answers(), "redis-server answers", 10_000);
  }

  /** Sends it a signal: SIGSTOP and SIGCONT make it a Redis that hangs. */
  signal(signal: Deno.Signal): void {
    this.#child?.kill(signal);
  }

  /** Ends it at once; only its own process, by its id. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }

  /** One command on a connection of its own; the raw reply, its first kilobytes. */
  async command(...args: readonly string[]): Promise<string> {
    const bytes = new TextEncoder();
    const part = (arg: string) => `$${bytes.encode(arg).length}\r\n${arg}\r\n`;
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    await conn.write(bytes.encode(`*${args.length}\r\n${args.map(part).join("")}`));
    const buffer = new Uint8Array(65536);
    const count = await conn.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  }

  /** Waits until this many connections are open: none waits for its next try any more. */
  async clients(count: number): Promise<void> {
    await until(
      async () => {
        const list = await this.command("CLIENT", "LIST");
        return (list.match(/^id=/gm)?.length ?? 0) > count; // the asking one is among them
      },
      `${count} connections`,
      10_000,
    );
  }

  async #answers(): Promise<boolean> {
    try {
      // With a password it answers too: NOAUTH.
      return /^[+-]/.test(await this.command("PING"));
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.dir[Symbol.asyncDispose]();
  }
}
