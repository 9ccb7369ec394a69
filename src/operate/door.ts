/** The door for operators: a listener, its guard, and what is behind it. @module */
import {
  answerProbe,
  type HttpAnswer,
  HttpFault,
  type HttpLimits,
  type HttpRequest,
  HttpServer,
} from "../admin/mod.ts";
import { Access } from "./access.ts";
import { CONSOLE_FILES } from "./console.ts";
import { Feed } from "./feed.ts";
import { exposition, metricsOf, metricsOfProcess } from "./metrics.ts";
import { describeRoutes } from "./openapi.ts";
import { Overview } from "./overview.ts";
import type { Plant } from "./plant.ts";
import { type DoorParts, faultOf, json, type Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** What the door bears. A body is a few settings; a stream is an operator who watches, or a download. */
const LIMITS: HttpLimits = {
  maxOpen: 64,
  maxStreams: 16,
  patienceMs: 10_000,
  pieceMs: 10_000,
  maxBody: 65_536,
};

/** How a door is opened. */
export interface DoorOptions {
  readonly listener: Deno.Listener<Deno.TcpConn | Deno.TlsConn>;
  /** What operators must show; undefined where the door is open to whoever reaches it. */
  readonly token: string | undefined;
  /** Names of the door besides localhost. */
  readonly names: readonly string[];
  readonly secure?: boolean;
}

/** An open door; dispose of it to close it. */
export class Door implements AsyncDisposable {
  readonly addr: Deno.NetAddr;
  readonly #parts: DoorParts;
  readonly #server: HttpServer;

  constructor(plant: Plant, { listener, token, names, secure = false }: DoorOptions) {
    this.addr = listener.addr as Deno.NetAddr;
    const { log } = plant;
    this.#parts = {
      plant,
      access: new Access({ token, names, log, secure }),
      feed: new Feed(plant.events, (on) => plant.watch(on)),
      overview: new Overview(plant),
    };
    this.#server = new HttpServer(listener, (request) => this.#answer(request), LIMITS, log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.overview[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
    this.#parts.feed[Symbol.dispose]();
  }

  async #answer(request: HttpRequest): Promise<HttpAnswer> {
    const { plant, access } = this.#parts;
    const probe = await answerProbe(request, plant.readiness);
    if (probe !== undefined) return probe;
    try {
      access.checkSite(request, CONSOLE_FILES.has(request.path) && request.method === "GET");
      const answer = await this.#serve(request);
      return { ...answer, headers: { ...SAFE, ...answer.headers } };
    } catch (error) {
      const fault = faultOf(error);
      if (fault === undefined) throw error;
      if (fault.status >= 500) plant.log.warn("admin.failed", { path: request.path, cause: error });
      const answer = fault.answer();
      return { ...answer, headers: { ...SAFE, ...answer.headers } };
    }
  }

  async #serve(request: HttpRequest): Promise<HttpAnswer> {
    const { method, path } = request;
    const isRead = method === "GET" || method === "HEAD";
    const file = CONSOLE_FILES.get(path);
    if (file !== undefined) {
      if (!isRead) throw new HttpFault(405, "this is for reading", { allow: "GET, HEAD" });
      return file;
    }
    const found = find(isRead ? "GET" : method, path);
    if (found?.route.open) return await this.#run(found, request);
    this.#parts.access.checkToken(request);
    if (found !== undefined) return await this.#run(found, request);
    if (path === "/metrics" && isRead) return await this.#metrics();
    if (path === "/api/v1/openapi.json" && isRead) {
      return json(describeRoutes(ROUTES, this.#parts.plant.version));
    }
    const allowed = methodsOf(path);
    if (allowed.length === 0) throw new HttpFault(404, "there is nothing here");
    throw new HttpFault(405, `${method} is not allowed here`, { allow: allowed.join(", ") });
  }

  async #run({ route, params }: Found, request: HttpRequest): Promise<HttpAnswer> {
    for (const name of request.query.keys()) {
      if (route.query === undefined || !Object.hasOwn(route.query, name)) {
        throw new HttpFault(400, `unknown parameter ${JSON.stringify(name.slice(0, 40))}`);
      }
    }
    const { plant: { log } } = this.#parts;
    const tell = (what: string, facts = {}) =>
      log.info("admin.changed", { what, address: request.address, ...facts });
    return await route.run({ ...this.#parts, request, params, tell });
  }

  async #metrics(): Promise<HttpAnswer> {
    const { plant, overview } = this.#parts;
    const samples = (await plant.samples()).map(metricsOf);
    const facts = await overview.facts();
    const { text, type } = await exposition([...samples, metricsOfProcess(facts)]);
    return { status: 200, headers: { "content-type": type }, body: text };
  }
}

/** Header fields of every answer: nothing comes from outside, and nobody puts the console in a frame. */
const SAFE: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A route, and the parts of the path that it leaves open. */
interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

const PATTERNS = ROUTES.map((route) => {
  const source = route.path.replaceAll(/[.]/g, "\\.")
    .replaceAll(/\{([a-z]+)(\*?)\}/g, (_, name, rest) => `(?<${name}>${rest ? ".+" : "[^/]+"})`);
  return { route, pattern: new RegExp(`^${source}$`) };
});

function find(method: string, path: string): Found | undefined {
  for (const { route, pattern } of PATTERNS) {
    if (route.method !== method) continue;
    const match = pattern.exec(path);
    if (match === null) continue;
    const params: Record<string, string> = {};
    for (const [name, raw] of Object.entries(match.groups ?? {})) params[name] = decode(raw);
    return { route, params };
  }
  return undefined;
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new HttpFault(400, "the path is malformed");
  }
}

const methodsOf = (path: string): string[] =>
  PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ route }) => route.method);
