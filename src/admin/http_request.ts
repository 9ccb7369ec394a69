/** One HTTP/1.1 request, read within limits, and what answers it. @module */

/** An answer. */
export interface HttpAnswer {
  /** Such as 200. */
  readonly status: number;
  /** Header fields by their names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent whole, or piece by piece as they come; absent for none. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** A request whose body was read. */
export interface HttpRequest {
  /** In capitals. */
  readonly method: string;
  /** The path, decoded by nobody yet, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Header fields by their names in lower case; a repeated one has its values joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** The address of the peer. */
  readonly address: string;
}

/** A request that is refused, with a sentence that says why. */
export class HttpFault extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Further facts of the answer. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.status = status;
    this.headers = headers;
    this.facts = facts;
  }

  /** The answer that tells it, as JSON. */
  answer(): HttpAnswer {
    const body = JSON.stringify({ error: this.message, ...this.facts }) + "\n";
    const headers = { "content-type": "application/json", ...this.headers };
    return { status: this.status, headers, body };
  }
}

/** The request line and the header fields are no longer than this, in bytes. */
const MAX_HEAD = 8192;

/** A head, and the bytes that came with it. */
export interface Head {
  /** The request line and the fields; undefined where they are too long. */
  readonly text: string | undefined;
  readonly rest: Uint8Array;
}

/** Reads to the empty line behind the head; undefined if the peer ends before. */
export async function readHead(conn: Deno.Conn): Promise<Head | undefined> {
  const bytes = new Uint8Array(MAX_HEAD);
  for (let used = 0; used < MAX_HEAD;) {
    const count = await conn.read(bytes.subarray(used));
    if (count === null) return undefined;
    used += count;
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, used));
    const end = /\r?\n\r?\n/.exec(text);
    if (end !== null) {
      const rest = bytes.subarray(end.index + end[0].length, used);
      return { text: text.slice(0, end.index), rest };
    }
  }
  return { text: undefined, rest: new Uint8Array() };
}

/**
 * Reads the request behind a head.
 *
 * @throws {HttpFault} If it is none, or its body is longer than `maxBody` bytes. With a `maxBody` of 0 no
 * body is read, and whatever the peer sends is read away after the answer.
 */
export async function readRequest(
  conn: Deno.Conn,
  { text, rest }: Head,
  maxBody: number,
): Promise<HttpRequest> {
  if (text === undefined) throw new HttpFault(431, "the header fields are too long");
  const [line, ...fields] = text.split(/\r?\n/);
  const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/.exec(line!) ?? [];
  const url = target === undefined ? null : URL.parse(target, "http://fxfer");
  if (method === undefined || url === null) throw new HttpFault(400, "this is no HTTP request");
  const headers = new Map<string, string>();
  for (const field of fields) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(field) ?? [];
    if (name === undefined) throw new HttpFault(400, "a header field is malformed");
    const key = name.toLowerCase();
    const before = headers.get(key);
    // Two of these would let two readers see two different requests.
    if (before !== undefined && /^(host|content-length|transfer-encoding|origin)$/.test(key)) {
      throw new HttpFault(400, `${key} is given twice`);
    }
    headers.set(key, before === undefined ? value! : `${before}, ${value}`);
  }
  const body = maxBody === 0 ? new Uint8Array() : await readBody(conn, headers, rest, maxBody);
  const { hostname: address } = conn.remoteAddr as Deno.NetAddr;
  return { method, path: url.pathname, query: url.searchParams, headers, body, address };
}

async function readBody(
  conn: Deno.Conn,
  headers: ReadonlyMap<string, string>,
  rest: Uint8Array,
  maxBody: number,
): Promise<Uint8Array> {
  if (headers.has("transfer-encoding")) {
    throw new HttpFault(411, "a body needs a content-length");
  }
  const told = headers.get("content-length") ?? "0";
  if (!/^\d{1,15}$/.test(told)) throw new HttpFault(400, "content-length is no number");
  const size = Number(told);
  if (size > maxBody) throw new HttpFault(413, `a body has at most ${maxBody} bytes`);
  const body = new Uint8Array(size);
  body.set(rest.subarray(0, size));
  for (let at = Math.min(rest.length, size); at < size;) {
    const count = await conn.read(body.subarray(at));
    if (count === null) throw new HttpFault(400, "the body is shorter than its content-length");
    at += count;
  }
  return body;
}
