/**
 * Who may use the door (S-ADM-2). A browser must not be led to it by another site: the name in `Host` must
 * be an address, localhost or a name that was configured (else a name of the attacker's could point here),
 * and a request that a page of another origin has made is refused.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { HttpFault, type HttpRequest } from "../admin/mod.ts";
import { addressNetwork, parseAddress } from "../address.ts";
import type { Logger } from "../log.ts";
import { TokenBuckets } from "../server/mod.ts";

/** A login of a browser is good for this long, in milliseconds. */
const LOGIN_MS = 12 * 3_600_000;

/** So many logins are remembered; the oldest one ends first. */
const MAX_LOGINS = 100;

/** One address may show so many wrong tokens at once, and then one in ten seconds. */
const WRONG_TOKENS = 10;
const WRONG_PER_SECOND = 0.1;

/** Refusals are logged once a second at most. */
const LOG_MS = 1000;

const COOKIE = "fxfer_admin";

const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();

/** How the door is guarded. */
export interface AccessOptions {
  /** What operators must show; undefined where the door is open to whoever reaches it. */
  readonly token: string | undefined;
  /** Names of the door besides localhost. */
  readonly names: readonly string[];
  readonly log: Logger;
  /** Whether browsers reach the door by TLS. @default {false} */
  readonly secure?: boolean;
}

/** Lets requests in, or throws why not. */
export class Access {
  readonly #token: Uint8Array | undefined;
  readonly #names: ReadonlySet<string>;
  readonly #log: Logger;
  readonly #secure: boolean;
  /** Until when each login holds, by the digest of its cookie. */
  readonly #logins = new Map<string, number>();
  readonly #wrong = new TokenBuckets(WRONG_PER_SECOND, WRONG_TOKENS);
  #loggedAt = -Infinity;
  #unlogged = 0;

  constructor({ token, names, log, secure = false }: AccessOptions) {
    this.#token = token === undefined ? undefined : digest(token);
    this.#names = new Set(["localhost", ...names.map((name) => name.toLowerCase())]);
    this.#log = log;
    this.#secure = secure;
  }

  /** Whether a token must be shown. */
  get needsToken(): boolean {
    return this.#token !== undefined;
  }

  /**
   * Refuses requests under another name, and of pages of other sites.
   *
   * @param isPage Whether a page of the console is asked for: a link of another site may lead there.
   */
  checkSite(request: HttpRequest, isPage: boolean): void {
    const { headers } = request;
    const host = headers.get("host") ?? "";
    const [, bracketed, plain] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:@/\s]+))(?::\d{1,5})?$/.exec(host) ??
      [];
    const name = (bracketed ?? plain ?? "").toLowerCase().replace(/\.$/, "");
    if (parseAddress(name) === undefined && !this.#names.has(name)) {
      throw this.#refusal(request, new HttpFault(421, "nothing is served under this name"));
    }
    const origin = headers.get("origin");
    const site = headers.get("sec-fetch-site") ?? "none";
    const scheme = this.#secure ? "https" : "http";
    const foreign = origin !== undefined &&
      origin.toLowerCase() !== `${scheme}://${host.toLowerCase()}`;
    if (foreign || (!isPage && site !== "none" && site !== "same-origin")) {
      throw this.#refusal(request, new HttpFault(403, "a page of another site may not ask"));
    }
  }

  /** Refuses requests that show neither the token nor the cookie of a login. */
  checkToken(request: HttpRequest): void {
    if (this.#token === undefined) return;
    const { headers } = request;
    const [, shown] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
    if (shown !== undefined) return this.#mustBeRight(request, shown);
    const cookie = cookieOf(headers.get("cookie") ?? "");
    const until = cookie === undefined ? undefined : this.#logins.get(cookieKey(cookie));
    if (until !== undefined && until > Date.now()) return;
    throw this.#refusal(
      request,
      new HttpFault(401, "the token is missing", { "www-authenticate": "Bearer" }),
    );
  }

  /** Compares a token, in constant time. A right one counts for nothing, however many wrong ones came before. */
  #mustBeRight(request: HttpRequest, shown: string): void {
    if (this.#token === undefined || timingSafeEqual(digest(shown), this.#token)) return;
    const waitMs = this.#wrong.take(addressNetwork(request.address), performance.now());
    if (waitMs > 0) {
      const headers = { "retry-after": String(Math.ceil(waitMs / 1000)) };
      throw this.#refusal(request, new HttpFault(429, "too many wrong tokens", headers));
    }
    throw this.#refusal(
      request,
      new HttpFault(401, "the token is wrong", { "www-authenticate": "Bearer" }),
    );
  }

  /** Takes the token once and gives a cookie for it. */
  logIn(request: HttpRequest, token: string): string {
    this.#mustBeRight(request, token);
    const cookie = randomBytes(32).toString("base64url");
    this.#logins.set(cookieKey(cookie), Date.now() + LOGIN_MS);
    if (this.#logins.size > MAX_LOGINS) this.#logins.delete(this.#logins.keys().next().value!);
    return this.#cookie(cookie, LOGIN_MS / 1000);
  }

  /** Ends a login; returns a cookie that takes the place of its cookie. */
  logOut({ headers }: HttpRequest): string {
    const cookie = cookieOf(headers.get("cookie") ?? "");
    if (cookie !== undefined) this.#logins.delete(cookieKey(cookie));
    return this.#cookie("", 0);
  }

  #cookie(value: string, seconds: number): string {
    return `${COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict` +
      (this.#secure ? "; Secure" : "");
  }

  #refusal({ address, method, path }: HttpRequest, fault: HttpFault): HttpFault {
    const now = performance.now();
    if (now - this.#loggedAt < LOG_MS) this.#unlogged++;
    else {
      const more = this.#unlogged > 0 ? { more: this.#unlogged } : {};
      const facts = { address, method, path: path.slice(0, 100), status: fault.status, ...more };
      this.#log.warn("admin.refused", { ...facts, reason: fault.message });
      this.#loggedAt = now;
      this.#unlogged = 0;
    }
    return fault;
  }
}

function cookieOf(header: string): string | undefined {
  return header.split(/; */).find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(
    COOKIE.length + 1,
  );
}

/** Logins are kept by a digest, so that looking one up tells nothing of the others. */
const cookieKey = (cookie: string): string => Buffer.from(digest(cookie)).toString("hex");
