import assert from "node:assert/strict";
import { type ClockLimits, type ClockView, expiredClock } from "../../src/server/clocks.ts";

const LIMITS: ClockLimits = { handshakeMs: 1000, headerMs: 500, stallMs: 3000, minRate: 1024 };
const VIEW: ClockView = {
  waiting: "busy",
  acceptedAt: 0,
  headerSince: 0,
  quietSince: 0,
  windowAt: 0,
  received: 0,
  keepaliveMs: 2000,
};

/** A situation, the last moment all is well in it, and what is over right after. */
const TABLE: readonly (readonly [name: string, Partial<ClockView>, well: number, code: string])[] =
  [
    ["no byte at all", { waiting: "handshake" }, 1000, "handshake_timeout"],
    [
      "a first header that stands still",
      { waiting: "handshake", acceptedAt: 100, headerSince: 200, quietSince: 200 },
      700,
      "header_timeout",
    ],
    [
      "a first header that began late",
      { waiting: "handshake", headerSince: 900, quietSince: 900 },
      1000,
      "handshake_timeout",
    ],
    [
      "a byte of a header now and then",
      { waiting: "header", headerSince: 100, quietSince: 590 },
      600,
      "header_timeout",
    ],
    ["silence at 1.5 K", { waiting: "idle", quietSince: 100 }, 3100, "keepalive_timeout"],
    [
      "a payload that stands still",
      { waiting: "payload", quietSince: 50, windowAt: 10_000 },
      3050,
      "stalled",
    ],
    [
      "a payload of under 1 KiB/s",
      { waiting: "payload", quietSince: 29_999, windowAt: 0, received: 30 * 1024 - 1 },
      29_999,
      "too_slow",
    ],
  ];

for (const [name, view, well, code] of TABLE) {
  Deno.test({
    name: `expiredClock() ${code}: ${name}`,
    permissions: "none",
    fn() {
      const full = { ...VIEW, ...view };
      assert.equal(expiredClock(full, LIMITS, well), undefined);
      assert.equal(expiredClock(full, LIMITS, well + 1), code);
    },
  });
}

Deno.test({
  name: "expiredClock() S-CLK-2 a payload may last for ever, at the minimum rate",
  permissions: "none",
  fn() {
    for (let at = 0; at < 10 * 3_600_000; at += 30_000) {
      const now = at + 30_000;
      const view = { ...VIEW, waiting: "payload", quietSince: now - 1, windowAt: at } as const;
      assert.equal(expiredClock({ ...view, received: 30 * 1024 }, LIMITS, now), undefined);
    }
  },
});

Deno.test({
  name: "expiredClock() nothing runs while the server itself is busy, and 0 switches a clock off",
  permissions: "none",
  fn() {
    assert.equal(expiredClock(VIEW, LIMITS, 1e9), undefined);
    const off: ClockLimits = { handshakeMs: 0, headerMs: 0, stallMs: 0, minRate: 0 };
    for (const waiting of ["handshake", "header", "payload", "busy"] as const) {
      const view = { ...VIEW, waiting, headerSince: 1 };
      assert.equal(expiredClock(view, off, 1e9), undefined, waiting);
    }
    assert.equal(expiredClock({ ...VIEW, waiting: "idle", keepaliveMs: 0 }, off, 1e9), undefined);
  },
});
