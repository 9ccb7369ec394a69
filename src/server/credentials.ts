/** What one connection has proven, and the codes of its frames (S-KEY, S-MAC-1). @module */
import { CODES, FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import {
  type Identity,
  mustMay,
  newSecret,
  type Reply,
  type ReplyPayload,
  type Request,
  type Right,
} from "../handler/mod.ts";
import { FrameMacs, mustBeNew, type Proof, seal, type Usage } from "../keys/mod.ts";
import {
  type Action,
  encodeReply,
  type ReplyBody,
  type ReplyHeader,
  type RequestFrame,
} from "../protocol/mod.ts";
import { type Bandwidth, pacedReply, pacedRequest } from "./paced_payload.ts";
import { type Gate, type Guest, identityOf, unauthorized } from "./gate.ts";
import { MAX_PROVEN_BYTES, provenRequest } from "./proven_payload.ts";

/** The right that an action needs; the others need none of their own. */
const NEEDS: Readonly<Partial<Record<Action, Right>>> = {
  transfer: "put",
  fetch: "get",
  list: "list",
  remove: "remove",
};

/** What the reply to a frame with `auth` is sealed with, and what the client is told in it. */
interface Pending {
  readonly proof: Proof;
  readonly nonce: string;
  readonly before: Identity;
  usage?: Usage;
  /** Of a connect after which every frame carries a code: what both ends derive its key from. */
  challenge?: string;
}

/** What credentials need of their connection. */
export interface CredentialParts {
  readonly connectionId: number;
  readonly events: Events;
  /** Ends the connection with a notice. */
  interrupt(error: FxferError): void;
}

/** The credentials of one connection. */
export class Credentials implements Guest {
  /** Who the connection acts for now. */
  identity: Identity;
  /** Whether the last request must not be followed by another one. */
  broken = false;
  readonly #gate: Gate;
  readonly #connection: CredentialParts;
  #proof: Proof | undefined;
  #macs: FrameMacs | undefined;
  #pending: Pending | undefined;
  #bandwidth: Bandwidth | undefined;
  /** Ends the waits for bandwidth. */
  #waits: AbortController | undefined;
  #sent = 0;
  #received = 0;

  constructor(gate: Gate, connection: CredentialParts) {
    this.#gate = gate;
    this.#connection = connection;
    this.identity = gate.anonymous;
  }

  get proof(): Proof {
    return this.#proof!;
  }

  renewed(user: Proof["user"]): void {
    this.#proof = { ...this.#proof!, user };
    this.identity = identityOf(user);
  }

  revoked(error: FxferError): void {
    this.#connection.interrupt(error);
  }

  /** The connection is interrupted: nothing waits for bandwidth any more. */
  interrupted(): void {
    this.#waits?.abort();
  }

  /** The connection is over. */
  end(): void {
    if (this.#proof !== undefined) this.#gate.leave(this);
  }

  /** The request that was checked last, its payload held to what its user and its frame have said. */
  held(request: Request): Request {
    const isProven = this.#macs !== undefined || this.#pending !== undefined;
    const proven = isProven ? provenRequest(request) : request;
    this.#bandwidth = this.#gate.bandwidthOf(this.identity);
    if (this.#bandwidth === undefined) return proven;
    this.#waits ??= new AbortController();
    return proven.payload.size === 0
      ? proven
      : pacedRequest(proven, this.#bandwidth, this.#waits.signal);
  }

  /** The payload of the reply to that request, sent no faster than its user may have it. */
  paced(payload: ReplyPayload): ReplyPayload {
    return this.#bandwidth === undefined
      ? payload
      : pacedReply(payload, this.#bandwidth, this.#waits!.signal);
  }

  /** Judges a request before it is served: who sends it, and whether that one may. Throws if not. */
  check(request: Request): void | Promise<void> {
    if (request.version === 1) {
      this.#mustNotNeedMac("unauthorized");
      return this.#mustBeAllowed("transfer");
    }
    const { frame } = request;
    this.#received++;
    const { auth, mac } = frame.header.session;
    if (this.#macs !== undefined) {
      this.broken = true; // unless the code is right
      this.#macs.check(mac, frame.signed);
      this.broken = false;
      if (auth !== undefined) {
        throw new FxferError("protocol_error", "Cannot serve frame: this connection has its user");
      }
    } else if (auth !== undefined) return this.#prove(frame);
    else this.#mustNotNeedMac(frame.action === "connect" ? "unauthorized" : "hmac_required");
    this.#mustBeAllowed(frame.action);
  }

  #mustNotNeedMac(code: "unauthorized" | "hmac_required"): void {
    if (this.#gate.mac !== "required") return;
    throw code === "unauthorized" ? unauthorized() : new FxferError(code);
  }

  #mustBeAllowed(action: Action): void {
    const { user, may } = this.identity;
    if (user === undefined && may.size === 0) throw unauthorized();
    const right = NEEDS[action];
    if (right !== undefined) mustMay(this.identity, right);
  }

  /** S-KEY-2 to S-KEY-5: a frame with `auth`. */
  async #prove(frame: RequestFrame): Promise<void> {
    const { gate, now } = { gate: this.#gate, now: Date.now() };
    const { mac, ...auth } = frame.header.session.auth!;
    const proof = gate.keys.prove(auth, mac, frame.signed!, now);
    const pending: Pending = { proof, nonce: auth.nonce, before: this.identity };
    this.#pending = pending; // its reply is sealed, whatever it says
    await mustBeNew(auth, gate.ledger, now);
    this.identity = identityOf(proof.user);
    if (frame.action === "connect") {
      this.#enter(proof);
      const { name, limits: { bytes, files } } = proof.user;
      if (bytes !== undefined || files !== undefined) {
        pending.usage = await gate.ledger.usage(name, now);
      }
      const wanted = gate.mac === "required" || frame.data.wantMac === true;
      if (wanted && gate.mac !== "off") pending.challenge = newSecret();
      else if (wanted) {
        throw new FxferError("unsupported_feature", undefined, { fields: { name: "mac" } });
      }
    }
    this.#mustBeAllowed(frame.action);
  }

  #enter(proof: Proof): void {
    if (this.#proof !== undefined) this.#gate.leave(this);
    this.#proof = proof;
    try {
      this.#gate.enter(this);
    } catch (error) {
      this.#proof = undefined;
      throw error;
    }
  }

  /** Encodes the reply to the request that was checked last, or a notice. */
  encode(header: ReplyHeader, body: ReplyBody, payload?: Reply["payload"]): Uint8Array {
    const pending = this.#pending;
    this.#pending = undefined;
    const connects = header.action === "connect" && CODES[body.code].class === "success";
    if (connects) body = { ...body, ...this.#terms(body, pending) };
    if (this.#macs !== undefined) {
      return this.#macs.seal(encodeReply({ ...header, sealed: true }, body, payload));
    }
    this.#sent++;
    if (pending === undefined) return encodeReply(header, body, payload);
    const frame = encodeReply({ ...header, sealed: true }, body, payload);
    if (connects) this.#accept(pending);
    else this.identity = pending.before; // only a connect makes the connection the user's
    return seal(frame, pending.proof.replyKey, pending.nonce);
  }

  /** The reply to a connect goes out: what follows is the user's, and may have to carry codes. */
  #accept({ proof: { user: { name: user }, secret }, nonce, challenge }: Pending): void {
    const { connectionId: connection, events } = this.#connection;
    events.emit({ type: "connection.proven", rule: "S-KEY-5", connection, user });
    if (challenge === undefined) return;
    this.#macs = new FrameMacs(secret, { nonce, challenge }, "server", this.#sent, this.#received);
  }

  /** What a connect's reply says besides: S-FEA-1, S-FEA-2, S-MAC-1. */
  #terms(body: ReplyBody, pending: Pending | undefined): Record<string, unknown> {
    const { may, limits: { bytes = null, files = null } = {} } = this.identity;
    const known = Array.isArray(body.features) ? body.features : [];
    const features = [...known, "auth", ...this.#gate.mac === "off" ? [] : ["mac"]];
    const terms: Record<string, unknown> = { features, may: [...may] };
    if (pending === undefined) return terms;
    const { user } = this.identity;
    const { usage, challenge } = pending;
    if (usage !== undefined) {
      terms.quota = { bytes, files, used_bytes: usage.bytes, used_files: usage.files };
    }
    if (challenge === undefined) return { ...terms, user };
    const limits = body.limits as Readonly<Record<string, number>> | undefined;
    const most = Math.min(limits?.max_request_size ?? MAX_PROVEN_BYTES, MAX_PROVEN_BYTES);
    const frames = body.code === "ok" ? {} : { limits: { ...limits, max_request_size: most } };
    return { ...terms, user, mac: true, challenge, ...frames };
  }
}
