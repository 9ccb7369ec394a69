/**
 * The URLs of `stateful.redis_url`: one server, a Cluster, or a master that Sentinels know.
 *
 * @module
 */
import { parseEndpoint } from "../address.ts";

/** The address of a Redis or of a Sentinel. */
export interface RedisAddress {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The parts of a URL. */
export interface RedisUrl {
  readonly kind: "server" | "cluster" | "sentinel";
  /** Whether every connection is encrypted (`rediss`). */
  readonly tls: boolean;
  /** The server; or nodes of the Cluster; or Sentinels. One of them that answers is enough. */
  readonly nodes: readonly RedisAddress[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The name under which the Sentinels know the master; empty for the other kinds. */
  readonly master: string;
}

/** Scheme, kind, credentials, hosts, path. The class URL does not read several hosts with ports. */
const SEVERAL = /^(rediss?)\+(cluster|sentinel):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^/?#]*))?$/;

/** The port of each kind where the URL names none. */
const PORT = { server: 6379, cluster: 6379, sentinel: 26379 } as const;

/**
 * Reads one of
 *
 *     redis://[user:password@]host[:port][/database]
 *     redis+cluster://[user:password@]host[:port],host[:port]…
 *     redis+sentinel://[user:password@]host[:port],host[:port]…/master name
 *
 * or the same with `rediss` for TLS. Characters with a meaning in a URL are percent-encoded in user,
 * password and name. A Cluster has only database 0.
 *
 * @returns Undefined for any other text.
 */
export function parseRedisUrl(text: string): RedisUrl | undefined {
  try {
    return /^rediss?:\/\/./.test(text) ? single(new URL(text)) : several(text);
  } catch {
    return undefined; // not a URL, or a % without two hexadecimal digits
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
  const endpoint = parseEndpoint(/:\d+$/.test(text) ? text : `${text}:${standard}`);
  return endpoint && { host: endpoint.hostname, port: endpoint.port };
}

function decoded(text: string): string | undefined {
  return text === "" ? undefined : decodeURIComponent(text);
}
