/**
 * Several Redis servers that belong together: a Cluster, or a master and a replica with Sentinels.
 *
 * @module
 */
import { RedisServer } from "./redis_server.ts";
import { until } from "./serving.ts";

/** How fast they find out that one of them is gone; ms. */
const DOWN_MS = "500";

/** A Cluster talks at so much above the port as well. */
const CLUSTER_BUS = 10_000;

/** Where a Redis is reached: by TLS, where it speaks that. */
const portOf = ({ port, tlsPort = port }: RedisServer): number => tlsPort;

/** Three masters with a third of the slots each, and on demand a replica of each. */
export class RedisCluster implements AsyncDisposable {
  private constructor(readonly masters: RedisServer[], readonly replicas: RedisServer[]) {}

  /** Starts one and waits until every node has seen that it is whole. */
  static async start(
    program: string,
    replicas = false,
    tls?: readonly string[],
  ): Promise<RedisCluster> {
    await using started = new AsyncDisposableStack();
    const some = async (count: number) =>
      await Promise.all(Array.from({ length: count }, async () => {
        const conf = [
          ...["--cluster-enabled", "yes", "--cluster-node-timeout", DOWN_MS],
          ...["--repl-diskless-sync-delay", "0"],
          ...(tls === undefined ? [] : ["--tls-cluster", "yes", "--tls-replication", "yes"]),
        ];
        return started.use(await RedisServer.start(program, conf, [CLUSTER_BUS], tls));
      }));
    const cluster = new RedisCluster(await some(3), await some(replicas ? 3 : 0));
    await cluster.#join();
    const owned = started.move();
    cluster.#owned = owned;
    return cluster;
  }

  #owned: AsyncDisposable | undefined;

  /** All nodes. */
  get nodes(): RedisServer[] {
    return [...this.masters, ...this.replicas];
  }

  /** Its URL, of masters only. */
  get url(): string {
    const scheme = this.masters[0]!.tlsPort === undefined ? "redis" : "rediss";
    return `${scheme}+cluster://${this.masters.map((node) => `127.0.0.1:${portOf(node)}`).join()}`;
  }

  async #join(): Promise<void> {
    const [first, ...rest] = this.nodes as [RedisServer, ...RedisServer[]];
    for (const [i, node] of this.masters.entries()) {
      const [from, to] = [[0, 5460], [5461, 10922], [10923, 16383]][i] as [number, number];
      await node.command("CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
      await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
    }
    for (const node of rest) {
      await first.command("CLUSTER", "MEET", "127.0.0.1", String(portOf(node)));
    }
    const all = this.nodes.length;
    await Promise.all(this.nodes.map((node) => sees(node, `cluster_known_nodes:${all}`)));
    for (const [i, replica] of this.replicas.entries()) {
      const id = /[\da-f]{40}/.exec(await this.masters[i]!.command("CLUSTER", "MYID"))![0];
      await until(
        async () => (await replica.command("CLUSTER", "REPLICATE", id)).startsWith("+OK"),
        "a replica",
      );
      await until(
        async () => (await replica.command("INFO", "replication")).includes("link_status:up"),
        "the replica's copy",
      );
    }
    await Promise.all(this.nodes.map((node) => sees(node, "cluster_state:ok")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned?.[Symbol.asyncDispose]();
  }
}

async function sees(node: RedisServer, text: string): Promise<void> {
  await until(
    async () => (await node.command("CLUSTER", "INFO")).includes(text),
    `a node that says ${text}`,
  );
}

/** A master, a replica, and three Sentinels of which two must agree. */
export class RedisSentinels implements AsyncDisposable {
  #owned: AsyncDisposable | undefined;

  private constructor(
    readonly master: RedisServer,
    readonly replica: RedisServer,
    readonly sentinels: readonly RedisServer[],
  ) {}

  /** Starts them and waits until the Sentinels know each other and the replica. */
  static async start(
    program: string,
    password = "",
    tls?: readonly string[],
  ): Promise<RedisSentinels> {
    await using started = new AsyncDisposableStack();
    const login = [
      ...["--repl-diskless-sync-delay", "0"],
      ...(password === "" ? [] : ["--requirepass", password, "--masterauth", password]),
      ...(tls === undefined ? [] : ["--tls-replication", "yes"]),
    ];
    const master = started.use(await RedisServer.start(program, login, [], tls));
    const replica = started.use(
      await RedisServer.start(
        program,
        [
          ...login,
          ...["--replicaof", `127.0.0.1 ${portOf(master)}`],
        ],
        [],
        tls,
      ),
    );
    const conf = [
      `sentinel monitor mine 127.0.0.1 ${portOf(master)} 2`,
      `sentinel down-after-milliseconds mine ${DOWN_MS}`,
      "sentinel failover-timeout mine 3000",
      ...(password === "" ? [] : [`sentinel auth-pass mine ${password}`]),
    ].join("\n");
    const sentinels = await Promise.all([1, 2, 3].map(async () => {
      return started.use(
        await RedisServer.sentinel(
          program,
          conf,
          tls && [...tls, "--tls-replication", "yes"],
        ),
      );
    }));
    // Redis 7 can be told to look around more often than every 2 and 10 seconds; 6 takes longer.
    for (const each of sentinels) {
      await each.command("SENTINEL", "DEBUG", "INFO-PERIOD", "200", "PUBLISH-PERIOD", "200");
    }
    const knows = async (each: RedisServer, what: string) =>
      await until(
        async () => (await each.command("SENTINEL", "MASTER", "mine")).includes(what),
        "Sentinels that know each other",
      );
    for (const each of sentinels) {
      await knows(each, "num-other-sentinels\r\n$1\r\n2\r\n");
      await knows(each, "num-slaves\r\n$1\r\n1\r\n");
      const good = /master-link-status\r\n\$2\r\nok/;
      await until(
        async () => good.test(await each.command("SENTINEL", "REPLICAS", "mine")),
        "a replica that may follow",
      );
    }
    const all = new RedisSentinels(master, replica, sentinels);
    all.#owned = started.move();
    return all;
  }

  /** Its URL, without credentials. */
  get url(): string {
    return this.urlWith("");
  }

  /** Its URL with what stands before the hosts: `:password@`. */
  urlWith(login: string): string {
    const scheme = this.master.tlsPort === undefined ? "redis" : "rediss";
    const hosts = this.sentinels.map((each) => `127.0.0.1:${portOf(each)}`).join();
    return `${scheme}+sentinel://${login}${hosts}/mine`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned?.[Symbol.asyncDispose]();
  }
}
