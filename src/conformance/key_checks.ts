/** Checks of keys and of codes of frames (S-KEY, S-MAC-1), with an HMAC of this folder's own. @module */
import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { type Check, expect, expectCode, NotOffered } from "./check.ts";
import { type Answer, frame, type Json, type Parts, type ProbeClient } from "./probe_client.ts";

/** A user's name and the 32 bytes of the secret. */
export interface KeyUnderTest {
  readonly name: string;
  readonly secret: Uint8Array;
}

const DOTS = ".".repeat(43);

function derive(
  secret: Uint8Array,
  info: string,
  salt: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, 32));
}

function codeOf(key: Uint8Array, text: string, tail: Uint8Array | string = ""): string {
  return createHmac("sha256", key).update(text).update(tail).digest("base64url");
}

/** What a frame ends with under its code: how many were sent before it. */
function counted(frames: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(4, frames);
  return bytes;
}

/** A frame with its code in the place of its dots. */
const sealed = (text: string, key: Uint8Array, tail?: Uint8Array): string =>
  text.replace(DOTS, codeOf(key, text, tail));

/** A connect that shows a key. */
function shown(
  { name, secret }: KeyUnderTest,
  nonce: string,
  { time = Date.now(), ...data }: Json = {},
): string {
  const auth = { key: name, nonce, time, mac: DOTS };
  const parts: Parts = { action: "connect", mode: "stateless", data };
  const [head, ...rest] = frame(parts).split("\n");
  const header = JSON.parse(head!);
  header.session.auth = auth;
  return sealed([JSON.stringify(header), ...rest].join("\n"), derive(secret, "fxfer 2.1 c"));
}

const newNonce = (): string => randomBytes(16).toString("base64url");

/** Whether an answer has the right code of the server. */
function isProven(
  { line, text, header }: Answer,
  key: Uint8Array,
  tail: Uint8Array | string,
): boolean {
  const { mac } = header.session as { mac?: string };
  if (mac === undefined || line.split(mac).length !== 2) return false;
  return codeOf(key, `${line.replace(mac, DOTS)}\n${text}`, tail) === mac;
}

async function asks(peer: ProbeClient, text: string): Promise<Answer> {
  await peer.send(text);
  return await peer.answer();
}

/** The checks, in the order of the contract. @param key One of the server's; some checks need none. */
export function keyChecks(key: KeyUnderTest | undefined): Check[] {
  const stranger = { name: "nobody", secret: new Uint8Array(randomBytes(32)) };
  const checks: Check[] = [{
    rule: "S-KEY-4",
    promise: "a key that the server does not know is unauthorized",
    run: async (target) => {
      const answer = await asks(await target.open(), shown(stranger, newNonce()));
      expect(answer.header.session.mac === undefined, "a code for a stranger");
      return expectCode(answer, "unauthorized");
    },
  }];
  if (key === undefined) return checks;
  const ofServer = derive(key.secret, "fxfer 2.1 s");
  return [...checks, {
    rule: "S-KEY-2",
    promise: "a connect with one bit changed is refused",
    run: async (target) => {
      const text = shown(key, newNonce());
      for (
        const changed of [
          text.replace("text/plain", "text/plaio"),
          text.replace('"size":0', '"size":1'),
        ]
      ) {
        const { data } = await asks(await target.open(), changed);
        expect(data.class === "fatal", `${data.code} for a changed frame`);
      }
      return "refused";
    },
  }, {
    rule: "S-KEY-3",
    promise: "a nonce is taken once, and a time within 300 s",
    run: async (target) => {
      const text = shown(key, newNonce());
      const first = expectCode(await asks(await target.open(), text), "ok");
      const again = expectCode(await asks(await target.open(), text), "replay_detected");
      const late = await asks(
        await target.open(),
        shown(key, newNonce(), { time: Date.now() - 400_000 }),
      );
      expect(typeof late.data.server_time === "number", "clock_skew without server_time");
      return `${first}, ${again}, ${expectCode(late, "clock_skew")}`;
    },
  }, {
    rule: "S-KEY-4",
    promise: "the server shows that it has the key",
    run: async (target) => {
      const nonce = newNonce();
      const answer = await asks(await target.open(), shown(key, nonce));
      expectCode(answer, "ok");
      expect(isProven(answer, ofServer, nonce), "a wrong code, or none");
      return "proven";
    },
  }, {
    rule: "S-MAC-1",
    promise: "every frame carries a code, in its place alone",
    run: async (target) => {
      const nonce = newNonce();
      const peer = await target.open();
      const answer = await asks(peer, shown(key, nonce, { want_mac: true }));
      if (answer.data.code === "unsupported_feature") throw new NotOffered("no codes are offered");
      expect(answer.data.mac === true && isProven(answer, ofServer, nonce), "no mac in the terms");
      const salt = new Uint8Array([...fromText(nonce), ...fromText(answer.data.challenge)]);
      const ours = derive(key.secret, "fxfer 2.1 c frames", salt);
      const theirs = derive(key.secret, "fxfer 2.1 s frames", salt);
      const send = async (count: number, payload: string, digestOf = payload) => {
        const payload_sha256 = createHash("sha256").update(digestOf).digest("hex");
        const [head, ...rest] = frame({ payload, data: { payload_sha256 } }).split("\n");
        const header = JSON.parse(head!);
        header.session.mac = DOTS;
        const text = [JSON.stringify(header), ...rest].join("\n");
        const covered = text.slice(0, text.length - payload.length);
        return await asks(peer, sealed(covered, ours, counted(count)) + payload);
      };
      const stored = await send(1, "hello");
      expectCode(stored, "ok");
      expect(isProven(stored, theirs, counted(1)), "a reply with a wrong code");
      expectCode(await send(1, "hello"), "replay_detected");
      expect(await peer.ended(), "the connection goes on after a wrong code");
      return "ok, then replay_detected";
    },
  }];
}

const fromText = (base64url: string): Uint8Array =>
  Uint8Array.from(
    atob(base64url.replaceAll("-", "+").replaceAll("_", "/")),
    (character) => character.charCodeAt(0),
  );
