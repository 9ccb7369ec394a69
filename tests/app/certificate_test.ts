/** The certificate of a running server, and what becomes of a new one that cannot be used at once. @module */
import assert from "node:assert/strict";
import { Certificate } from "../../src/app/certificate.ts";
import { DEFAULT_CONFIG } from "../../src/config/mod.ts";
import { silentLogger } from "../../src/log.ts";
import { issue } from "../helpers/certificates.ts";
import { hasten } from "../helpers/hastened.ts";
import { until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

/** A certificate of files that a test replaces, looked at each 10 ms instead of every two seconds. */
async function running() {
  const temp = await TempDir.make();
  const sooner = hasten(2000, 10);
  const [file, key] = [temp.join("c.pem"), temp.join("k.pem")];
  const put = async (pem: { certificate: string; key: string }) => {
    for (const [path, text] of [[file, pem.certificate], [key, pem.key]] as const) {
      await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
      await Deno.rename(`${path}.new`, path);
    }
  };
  const told: string[] = [];
  const log = { ...silentLogger, warn: (event: string) => void told.push(event) };
  const events = { emit: ({ type }: { type: string }) => void told.push(type) };
  const tls = { ...DEFAULT_CONFIG.server.tls, certificate: file, key };
  const config = { ...DEFAULT_CONFIG, server: { ...DEFAULT_CONFIG.server, tls } };
  const [one, two] = [await issue("one"), await issue("two")];
  await put(one);
  const certificate = await Certificate.open(config, events as never, log);
  return {
    ...{ certificate, put, told, one, two, file },
    async [Symbol.asyncDispose]() {
      certificate[Symbol.dispose]();
      sooner[Symbol.dispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

Deno.test("S-TLS-4 a certificate that cannot be used for a moment is tried again, and that is told once", async () => {
  await using it = await running();
  let tries = 0;
  await it.certificate.watch(() =>
    tries++ < 3 ? Promise.reject(new Error("too many open files")) : Promise.resolve()
  );
  await it.put(it.two);
  await until(() => it.certificate.current.certificate === it.two.certificate, "the new one");
  assert.equal(tries, 4);
  assert.equal(it.told.filter((event) => event === "certificate.changed").length, 1);
  // A look between the two files finds a key of another certificate; that is another reason.
  assert.ok(it.told.length <= 3, it.told.join());
});

Deno.test("S-TLS-4 a certificate that is replaced before the first look is used", async () => {
  await using it = await running();
  await it.put(it.two);
  await it.certificate.watch(() => Promise.resolve());
  await until(() => it.certificate.current.certificate === it.two.certificate, "the new one");
  assert.deepEqual(it.told, ["certificate.changed"]);
});

Deno.test("S-TLS-4 a certificate that stays wrong is told once, and again to whoever has it read", async () => {
  await using it = await running();
  await it.certificate.watch(() => Promise.resolve());
  await Deno.writeTextFile(it.file, "no certificate");
  await until(() => it.told.length > 0, "a warning");
  await Deno.writeTextFile(it.file, "still none");
  await new Promise((resolve) => setTimeout(resolve, 100)); // ten looks
  assert.deepEqual(it.told, ["certificate.not_changed"]);
  await it.certificate.reload();
  assert.deepEqual(it.told, ["certificate.not_changed", "certificate.not_changed"]);
  assert.equal(it.certificate.current.certificate, it.one.certificate);
});
