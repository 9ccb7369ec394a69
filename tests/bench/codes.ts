/**
 * What codes of frames cost a server: `deno run -A tests/bench/codes.ts [ROUNDS]`.
 *
 * Sends 1 KiB files on one connection (B) and 64 KiB files on 100 connections (C), in turns with codes and
 * without, and says rate and the server's processor time for each file. The client does the same work in both
 * cases; it only leaves the codes out.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a benchmark
import { createHash } from "node:crypto";
import { formatKeyLine, FrameMacs, newKey } from "../../src/keys/mod.ts";
import { encodeRequest } from "../../src/protocol/mod.ts";
import { Program } from "../helpers/program.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { shownConnect } from "../helpers/shown_connect.ts";

const key = newKey("bench");

/** One connection that acts for the user, in a session. */
class Sender {
  #sequence = 0;
  #macs: FrameMacs | undefined;

  private constructor(readonly peer: RawPeer, readonly id: string, readonly spare: FrameMacs) {}

  static async open(port: number, codes: boolean): Promise<Sender> {
    const peer = await RawPeer.open({ port });
    const nonce = crypto.getRandomValues(new Uint8Array(16)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    await peer.send(shownConnect(key, { mode: "stateful", wantMac: codes, nonce }));
    const { header, data } = await peer.reply();
    if (data.code !== "session_created") throw new Error(data.code);
    const challenge = data.challenge as string;
    const make = () => new FrameMacs(key.secret, { nonce, challenge }, "client", 1, 1);
    const sender = new Sender(peer, header.session.id, make());
    if (codes) sender.#macs = make();
    return sender;
  }

  async send(payload: Uint8Array): Promise<void> {
    const session = { id: this.id, mode: "stateful", action: "transfer" } as const;
    const request = { ...session, sequence: ++this.#sequence, size: payload.length };
    const plain = { uploadId: crypto.randomUUID(), name: "file.bin", length: payload.length };
    const payloadSha256 = createHash("sha256").update(payload).digest("hex");
    const sealed = (this.#macs ?? this.spare).seal(
      encodeRequest({ ...request, sealed: true, data: { ...plain, payloadSha256 } }),
    );
    const head = this.#macs === undefined ? encodeRequest({ ...request, data: plain }) : sealed;
    await this.peer.send(head, payload);
    const { data: { code } } = await this.peer.reply();
    if (code !== "ok") throw new Error(code);
  }
}

const SCENARIOS = {
  B: { connections: 1, files: 4000, size: 1024 },
  C: { connections: 100, files: 40, size: 65536 },
} as const;

async function measure(server: Program, name: keyof typeof SCENARIOS, codes: boolean) {
  const { connections, files, size } = SCENARIOS[name];
  const senders = await Promise.all(
    Array.from({ length: connections }, () => Sender.open(server.port, codes)),
  );
  const payload = crypto.getRandomValues(new Uint8Array(size));
  const [cpu, begun] = [await server.cpuMs(), performance.now()];
  await Promise.all(senders.map(async (sender) => {
    for (let n = 0; n < files; n++) await sender.send(payload);
  }));
  const ms = performance.now() - begun;
  const all = connections * files;
  for (const { peer } of senders) peer[Symbol.dispose]();
  return { rate: all / ms * 1000, cpu: (await server.cpuMs() - cpu) / all * 1000 };
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!;

const rounds = Number(Deno.args[0] ?? 5);
const dir = await Deno.makeTempDir({ dir: "/dev/shm" });
await Deno.mkdir(`${dir}/storage`);
await Deno.writeTextFile(
  `${dir}/fxfer.keys`,
  `${formatKeyLine({ key, can: ["put"], limits: {} })}\n`,
  {
    mode: 0o600,
  },
);
{
  await using server = await Program.serve({
    cwd: dir,
    flags: ["-A"],
    args: ["--keys", "fxfer.keys"],
    set: {
      "logging.level": "warn",
      "server.max_connections": 500,
      "stateful.max_sessions": 100_000,
    },
  }).catch(async () =>
    await Program.serve({
      cwd: dir,
      flags: ["-A"],
      args: ["--keys", "fxfer.keys"],
      set: {
        "server.max_connections": 500,
        "stateful.max_sessions": 100_000,
      },
    })
  );
  for (const name of ["B", "C"] as const) {
    const found = {
      with: [] as { rate: number; cpu: number }[],
      without: [] as { rate: number; cpu: number }[],
    };
    await measure(server, name, true);
    for (let round = 0; round < rounds; round++) {
      found.with.push(await measure(server, name, true));
      found.without.push(await measure(server, name, false));
    }
    const of = (all: readonly { rate: number; cpu: number }[]) => ({
      rate: median(all.map(({ rate }) => rate)),
      cpu: median(all.map(({ cpu }) => cpu)),
    });
    const [one, other] = [of(found.with), of(found.without)];
    const lost = (1 - one.rate / other.rate) * 100;
    console.log(
      `${name}: ${one.rate.toFixed(0)} files/s with codes, ${other.rate.toFixed(0)} without ` +
        `(${lost.toFixed(1)} % lost); server ${one.cpu.toFixed(0)} and ${
          other.cpu.toFixed(0)
        } µs a file`,
    );
  }
}
await Deno.remove(dir, { recursive: true });

// One code, computed and compared.
const frames = 20_000;
const salt = { nonce: "n".repeat(22), challenge: "c".repeat(43) };
const client = new FrameMacs(key.secret, salt, "client", 0, 0);
const server = new FrameMacs(key.secret, salt, "server", 0, 0);
const plain = encodeRequest({
  id: crypto.randomUUID(),
  mode: "stateful",
  sequence: 1,
  action: "transfer",
  size: 5,
  sealed: true,
  data: { name: "hello.txt", payloadSha256: "a".repeat(64) },
});
const begun = performance.now();
for (let n = 0; n < frames; n++) client.seal(plain.slice());
const sealedAt = performance.now();
const checked = new FrameMacs(key.secret, salt, "client", 0, 0);
const sealed = Array.from({ length: frames }, () => checked.seal(plain.slice()));
const line = plain.indexOf(0x0a);
const macs = sealed.map((bytes) => new TextDecoder().decode(bytes.subarray(line - 46, line - 3)));
const checkBegun = performance.now();
for (let n = 0; n < frames; n++) server.check(macs[n]!, { bytes: sealed[n]!, line });
console.log(
  `one frame: ${((sealedAt - begun) / frames * 1000).toFixed(1)} µs to seal, ` +
    `${((performance.now() - checkBegun) / frames * 1000).toFixed(1)} µs to check`,
);
