/**
 * Two fxfer servers on one storage folder behind a real HAProxy, which runs deploy/haproxy.cfg as it
 * is: only the addresses come from here.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { EventLog } from "./event_log.ts";
import { freePort } from "./free_port.ts";
import { readLines } from "./lines.ts";
import { Program } from "./program.ts";
import { proxyFrom } from "./proxy_header.ts";
import { RawPeer, type RawReply } from "./raw_peer.ts";
import { until } from "./serving.ts";
import { TempDir } from "./temp.ts";

const CONFIG = fileURLToPath(new URL("../../deploy/haproxy.cfg", import.meta.url));

/** The servers, by their names in haproxy.cfg. */
export type Name = "a" | "b";

const NAMES: readonly Name[] = ["a", "b"];

/** What the servers of the cluster are told besides. */
export interface ClusterOptions {
  /** Arguments of `serve` that say where sessions are kept. */
  readonly store: readonly string[];
  readonly set?: Readonly<Record<string, string | number | boolean>>;
  /** Flags of `deno run`; default as {@linkcode Program.serve} has them. */
  readonly flags?: readonly string[];
  /** A certificate with its key in PEM, for which HAProxy listens for TLS as well. */
  readonly certificate?: string;
}

/** The cluster; dispose it to end everything and remove the folder. */
export class Cluster implements AsyncDisposable {
  /** What HAProxy says, line by line. */
  readonly #lines: string[] = [];
  readonly #states = new EventLog<{ readonly name: string; readonly state: string }>();
  readonly #ports = new Map<Name, { readonly port: number; readonly health: number }>();
  readonly #servers = new Map<Name, Program>();
  readonly #instances = new Map<string, Name>();
  #haproxy: Deno.ChildProcess | undefined;
  #reading: Promise<unknown> | undefined;

  private constructor(
    readonly dir: TempDir,
    readonly options: ClusterOptions,
    /** Where clients connect, and where with TLS. */
    readonly port: number,
    readonly tlsPort: number,
  ) {}

  /** @param program The path of haproxy. */
  static async start(program: string, options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(await TempDir.make(), options, freePort(), freePort());
    try {
      for (const name of NAMES) {
        cluster.#ports.set(name, { port: freePort(), health: freePort() });
        await cluster.serve(name);
      }
      await cluster.#start(program);
      await cluster.#accepts();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a server, again after it has ended: under the same name and ports. */
  async serve(name: Name): Promise<Program> {
    const { port, health } = this.#ports.get(name)!;
    const server = await Program.serve({
      cwd: this.dir.path,
      ...(this.options.flags && { flags: this.options.flags }),
      args: ["--port", String(port), ...this.options.store],
      set: {
        "server.health_port": health,
        "server.proxy_protocol": "v2",
        "server.proxy_allow": "127.0.0.1",
        "stateless.max_request_size": "64MiB",
        ...this.options.set,
      },
    });
    this.#servers.set(name, server);
    using peer = await RawPeer.open(server);
    await peer.send(proxyFrom("127.0.0.1"));
    const { data } = await peer.request({ action: "connect" });
    this.#instances.set(data.server.instance, name);
    return server;
  }

  /** A server by its name. */
  server(name: Name): Program {
    return this.#servers.get(name)!;
  }

  /** The other one. */
  other(name: Name): Name {
    return name === "a" ? "b" : "a";
  }

  /** The folder both store in. */
  get storage(): string {
    return this.server("a").storage;
  }

  /** The name of the server that has answered a connect. */
  holder(reply: RawReply): Name {
    return this.#instances.get(reply.data.server.instance)!;
  }

  /** Does something and waits until HAProxy has seen that it made a server go up or down. */
  async seen(deed: () => unknown, name: Name, state: "UP" | "DOWN"): Promise<void> {
    const before = this.#states.all.length;
    await deed();
    await this.#states.wait(
      (seen) =>
        this.#states.all.indexOf(seen) >= before && seen.name === name && seen.state === state,
      `${name} ${state}`,
      20_000,
    );
  }

  async #start(program: string): Promise<void> {
    const { certificate } = this.options;
    const file = this.dir.join("haproxy.pem");
    if (certificate !== undefined) await Deno.writeTextFile(file, certificate, { mode: 0o600 });
    const address = (name: Name) => `127.0.0.1:${this.#ports.get(name)!.port}`;
    const haproxy = new Deno.Command(program, {
      args: ["-db", "-f", CONFIG],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: {
        FXFER_BIND: `127.0.0.1:${this.port}`,
        FXFER_TLS_BIND: `127.0.0.1:${this.tlsPort}`,
        ...(certificate !== undefined && { FXFER_CERTIFICATE: file }),
        FXFER_A: address("a"),
        FXFER_A_HEALTH: String(this.#ports.get("a")!.health),
        FXFER_B: address("b"),
        FXFER_B_HEALTH: String(this.#ports.get("b")!.health),
      },
    }).spawn();
    this.#haproxy = haproxy;
    const hear = (line: string) => this.#hear(line);
    this.#reading = Promise.all([
      readLines(haproxy.stdout, hear),
      readLines(haproxy.stderr, hear),
    ]);
  }

  #hear(line: string): void {
    this.#lines.push(line);
    const [, name, state] = /Server fxfer\/([ab]) is (UP|DOWN)/.exec(line) ?? [];
    if (name !== undefined) this.#states.push({ name, state: state! });
  }

  /** Waits until HAProxy has taken its port. */
  async #accepts(): Promise<void> {
    const opens = () => RawPeer.open(this).then((peer) => (peer.close(), true), () => false);
    await until(opens, "HAProxy accepts", 10_000).catch((cause) => {
      throw new Error(this.#lines.join("\n"), { cause });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const server of this.#servers.values()) {
      await server[Symbol.asyncDispose]().catch((error) => failures.push(error));
    }
    this.#haproxy?.kill("SIGKILL"); // its own process, by its handle
    await this.#haproxy?.status;
    await this.#reading;
    await this.dir[Symbol.asyncDispose]();
    if (failures.length > 0) throw new AggregateError(failures, "A server of the cluster failed");
  }
}
