import assert from "node:assert/strict";
import { listen } from "../../src/app/mod.ts";
import { FxferError } from "../../src/errors.ts";

const failing = (cause: unknown) => () =>
  listen("a.example", 80, () => {
    throw cause;
  });

for (
  const [what, cause, words] of [
    ["a port in use", new Deno.errors.AddrInUse("x"), /port 80 of a\.example is in use \(--port 0/],
    ["a port for root", new Deno.errors.PermissionDenied("x"), /on port 80: .*ports below 1024/],
    [
      "another's address",
      new Deno.errors.AddrNotAvailable("not mine"),
      /on a\.example port 80: not/,
    ],
    ["whatever the system says", new Error("no buffer"), /on a\.example port 80: no buffer/],
  ] as const
) {
  Deno.test(`listening on ${what} fails in plain words`, () => {
    assert.throws(failing(cause), (error) => {
      assert.ok(error instanceof FxferError && error.code === "local_io");
      assert.match(error.message, /^Cannot listen/);
      assert.match(error.message, words);
      return true;
    });
  });
}

Deno.test("listening on a name without address fails in plain words", () => {
  const hostname = "no-such-host.invalid";
  assert.throws(
    () => listen(hostname, 0, () => Deno.listen({ hostname, port: 0 })),
    { code: "local_io", message: /on no-such-host\.invalid: no address belongs to this name/ },
  );
});

Deno.test("a mistake of the program is not called one of the address", () => {
  assert.throws(failing(new TypeError("x")), TypeError);
});
