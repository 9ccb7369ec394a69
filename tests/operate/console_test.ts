/** The console in a real browser: what an operator does there, at both widths, without a fault in its log. @module */
import assert from "node:assert/strict";
import { type Browser, chromium, type Page } from "npm:playwright-core@1.56.1";
import { testWith } from "../helpers/require.ts";
import { resume, session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";
import { operated } from "./operators.ts";

const TOKEN = "the-token-of-the-console-test";

/** A browser, and a page of it that notes what it complains of. */
async function open(
  path: string,
  door: number,
  options: { width?: number; colorScheme?: "dark" | "light" } = {},
) {
  const args = Deno.uid() === 0 ? ["--no-sandbox"] : [];
  const browser: Browser = await chromium.launch({ executablePath: path, args });
  const { width = 1280, colorScheme = "light" } = options;
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page: Page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => {
    // A refused login is told by the browser as well.
    if (message.type() === "error" && !/401/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${door}/`);
  return { page, complaints, [Symbol.asyncDispose]: () => browser.close() };
}

/** The driver of the browser leaves sockets and timers open to the end of the process. */
function browserTest(name: string, fn: (chromium: string) => Promise<void>): void {
  const loose = { sanitizeOps: false, sanitizeResources: false };
  testWith(["chromium", "chromium-browser", "google-chrome"], name, fn, loose);
}

browserTest("an operator logs in, and out; a wrong token is refused in words", async (chromium) => {
  await using temp = await TempDir.make();
  await Deno.writeTextFile(`${temp.path}/token`, TOKEN);
  await using it = await operated({
    flags: ["-A"],
    set: { "admin.token_file": `${temp.path}/token` },
  });
  await using browser = await open(chromium, it.door);
  const { page, complaints } = browser;
  await page.getByLabel("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("the token is wrong").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(await page.evaluate("document.cookie"), "", "no script reads the cookie");
  await page.reload();
  await page.getByText("Ready").waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.deepEqual(complaints, []);
});

browserTest(
  "a transfer is seen being cut and resumed: states, rules, numbers, bytes",
  async (chromium) => {
    await using it = await operated();
    const first = await session(it.server);
    const { id } = first;
    await using browser = await open(chromium, it.door);
    const { page, complaints } = browser;
    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByRole("link", { name: id!.slice(0, 8) }).click();
    await page.getByText("live", { exact: true }).waitFor();
    const lit = (state: string) => page.locator(".machine .lit", { hasText: state }).waitFor();
    await lit("Authenticated");
    const [half, whole] = [new Uint8Array(500_000), { length: 1_000_000, name: "cut.bin" }];
    await first.send(first.transfer(half, whole, { size: 1_000_000 }));
    await lit("Active");
    first.close();
    await lit("Detached");
    await page.getByText("S-DIS-1").waitFor();
    await page.getByText(/488\.3 KiB are safe of 976\.6 KiB, 50 %/).waitFor();
    const { peer, upload } = await resume(it.server, id);
    await lit("Authenticated");
    await page.getByText("session.resumed").waitFor();
    const rest = { ...whole, offset: upload!.offset };
    assert.equal((await peer.upload(half, rest)).data.code, "ok");
    await page.getByText("sequence 1 ran: a file of 1000000 bytes is stored").waitFor();
    await lit("Active");
    await page.locator(".slots .kept", { hasText: "1ok" }).waitFor();
    await page.locator(".slots .next", { hasText: "2" }).waitFor();
    peer.close();
    assert.deepEqual(complaints, []);
  },
);

browserTest(
  "an operator revokes a session by the keyboard, and changes the mode; a faulty value is refused in words",
  async (chromium) => {
    await using it = await operated();
    using peer = await session(it.server);
    await using browser = await open(chromium, it.door);
    const { page, complaints } = browser;
    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByRole("link", { name: peer.id!.slice(0, 8) }).click();
    await page.getByText("live", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Revoke…" }).focus();
    await page.keyboard.press("Enter");
    // The dialog begins at what does no harm.
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Cancel");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.equal((await peer.reply()).data.code, "session_revoked");
    await page.locator(".machine .lit", { hasText: "Disconnected" }).waitFor();
    await page.getByRole("link", { name: "Settings" }).click();
    const mode = page.getByRole("listitem").filter({ hasText: "server.mode" }).first();
    await mode.getByRole("combobox").selectOption("stateless");
    await mode.getByRole("button", { name: "Change" }).click();
    await it.server.event("settings.changed", ({ changed }) => changed.includes("server.mode"));
    const rate = page.getByRole("listitem").filter({ hasText: "limits.min_rate" }).first();
    await rate.getByRole("textbox").fill("fast");
    await rate.getByRole("button", { name: "Change" }).click();
    await rate.getByText(/wanted bytes 0 or more/).waitFor();
    // The browser tells the refusal as well.
    assert.deepEqual(complaints.filter((text) => !/422/.test(text)), []);
  },
);

for (const width of [360, 1280]) {
  for (const colorScheme of ["light", "dark"] as const) {
    browserTest(
      `every page fits ${width} px, and has enough contrast, when it is ${colorScheme}`,
      async (chromium) => {
        await using it = await operated({ set: { "storage.budget": "1g" } });
        using peer = await session(it.server);
        await peer.upload("bytes", {
          name: "a-rather-long-name-of-a-file-that-somebody-sends.txt",
        });
        await using browser = await open(chromium, it.door, { width, colorScheme });
        const { page, complaints } = browser;
        const id = peer.id!.slice(0, 8);
        for (
          const path of [
            "overview",
            "sessions",
            `sessions/${id}`,
            "files",
            "keys",
            "settings",
            "events",
          ]
        ) {
          await page.goto(`http://127.0.0.1:${it.door}/#/${path}`);
          await page.getByRole("heading").first().waitFor();
          await page.getByText("connecting…").waitFor({ state: "detached" });
          const found = await page.evaluate(LOOK) as { wide: boolean; faint: string[] };
          assert.equal(found.wide, false, `${path} is wider than the window`);
          assert.deepEqual(found.faint, [], path);
        }
        assert.deepEqual(complaints, []);
      },
    );
  }
}

/** Run in the page: whether it is wider than the window, and texts with a contrast under 4.5 (WCAG AA). */
const LOOK = `(() => {
  const channel = (value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([red, green, blue]) =>
    0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3)
      .map((node) => node.data.trim()).join("");
    const box = element.getBoundingClientRect();
    if (text === "" || box.width < 2 || box.left < 0 || element.disabled) continue;
    if (element.closest("svg, option, script, noscript, dialog:not([open])")) continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) faint.push(text.slice(0, 30) + " " + contrast.toFixed(2));
  }
  return { wide: document.documentElement.scrollWidth > innerWidth, faint };
})()`;

browserTest(
  "nothing is loaded from outside, and no script stands in the page",
  async (chromium) => {
    await using it = await operated();
    await using browser = await open(chromium, it.door);
    const { page } = browser;
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.reload();
    await page.getByText("Ready").waitFor();
    const foreign = asked.filter((url) => !url.startsWith(`http://127.0.0.1:${it.door}/`));
    assert.deepEqual(foreign.filter((url) => !url.startsWith("data:")), []);
    assert.equal(await page.locator("script:not([src])").count(), 0);
    const { headers } = await it.ask("/");
    assert.match(
      headers.get("content-security-policy")!,
      /^default-src 'none'; script-src 'self';/,
    );
  },
);

browserTest("a file is found by its name, saved, and removed", async (chromium) => {
  await using it = await operated();
  using peer = await session(it.server);
  await peer.upload("what it says", { name: "letter.txt" });
  await peer.upload("other", { name: "other.txt" });
  await using browser = await open(chromium, it.door);
  const { page, complaints } = browser;
  await page.getByRole("link", { name: "Files" }).click();
  await page.getByRole("link", { name: "other.txt" }).waitFor();
  await page.getByLabel("Name begins with").fill("let");
  await page.getByRole("link", { name: "other.txt" }).waitFor({ state: "detached" });
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "letter.txt" }).click(),
  ]);
  assert.equal(saved.suggestedFilename(), "letter.txt");
  assert.equal(await Deno.readTextFile(await saved.path()), "what it says");
  await page.getByRole("button", { name: "Remove…" }).click();
  await page.getByRole("button", { name: "Remove it" }).click();
  await page.getByText("No files.").waitFor();
  assert.deepEqual(complaints, []);
});
