/**
 * The URLs `stateful.redis_url` takes: one server, a Cluster, or a master that Sentinel names.
 *
 * @module
 */

/** Where a Redis, or a Sentinel, listens. */
export interface RedisAddress {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A URL in its parts. */
export interface RedisUrl {
  readonly kind: "server" | "cluster" | "sentinel";
  /** `rediss`: every connection is encrypted. */
  readonly tls: boolean;
  /** The server; or nodes of the Cluster, or Sentinels, of which one that answers is enough. */
  readonly nodes: readonly RedisAddress[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The name the Sentinels know the master under; empty for the other kinds. */
  readonly master: string;
}

/** Scheme, kind, credentials, hosts, path. The standard's URL has no more than one port. */
const SEVERAL = /^(rediss?)\+(cluster|sentinel):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^/?#]*))?$/;

/** What port of its own each kind has. */
const PORT = { server: 6379, cluster: 6379, sentinel: 26379 } as const;

/**
 * Reads one of
 *
 *     redis://[user:password@]host[:port][/database]
 *     redis+cluster://[user:password@]host[:port],host[:port]…
 *     redis+sentinel://[user:password@]host[:port],host[:port]…/master name
 *
 * or the same with `rediss` for TLS. Letters that mean something in a URL are percent-encoded in
 * user, password and name. A Cluster has database 0 and no other.
 *
 * @returns undefined if it is none of them.
 */
export function parseRedisUrl(text: string): RedisUrl | undefined {
  try {
    return /^rediss?:\/\/./.test(text) ? single(new URL(text)) : several(text);
  } catch {
    return undefined; // no URL, or a % that encodes nothing
  }
}

function single(url: URL): RedisUrl {
  return {
    ...{ kind: "server", tls: url.protocol === "rediss:", master: "" },
    nodes: [{
      host: url.hostname.replace(/^\[(.*)\]$/, "$1") || "localhost",
      port: Number(url.port || PORT.server),
    }],
    username: decoded(url.username),
    password: decoded(url.password),
  };
}

function several(text: string): RedisUrl | undefined {
  const [, scheme, kind, login = "", hosts, path = ""] = SEVERAL.exec(text) ?? [];
  if (kind !== "cluster" && kind !== "sentinel") return undefined;
  const nodes = hosts!.split(",").map((each) => address(each, PORT[kind]));
  if (!nodes.every((node) => node !== undefined)) return undefined;
  if (kind === "cluster" ? !["", "0"].includes(path) : path === "") return undefined;
  const colon = login.indexOf(":");
  return {
    ...{ kind, nodes, tls: scheme === "rediss" },
    username: decoded(colon < 0 ? login : login.slice(0, colon)),
    password: decoded(colon < 0 ? "" : login.slice(colon + 1)),
    master: kind === "sentinel" ? decodeURIComponent(path) : "",
  };
}

function address(text: string, standard: number): RedisAddress | undefined {
  const [, ipv6, name, digits] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text) ??
    [];
  const host = ipv6 ?? name;
  const port = Number(digits ?? standard);
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port };
}

function decoded(text: string): string | undefined {
  return text === "" ? undefined : decodeURIComponent(text);
}
