import assert from "node:assert/strict";
import { reportHtml } from "../../src/lab/mod.ts";
import { plotSvg, short } from "../../src/lab/plot_svg.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { ABOUT, DONE, LONG, MISSING, STACK } from "./samples.ts";

/** ECharts sets a timer of its own when it draws, which ends after the plot is there. */
const drawing = { sanitizeOps: false, sanitizeResources: false };

const count = (text: string, part: string | RegExp) => text.split(part).length - 1;

Deno.test("short() writes a number in few characters", { permissions: "none" }, () => {
  const written = [0, 0.12345, 999, 9999, 12_345, 1_234_567, 2.5e9, -12_000].map(short);
  assert.deepEqual(written, ["0", "0.123", "999", "10000", "12.3k", "1.23M", "2.5G", "-12k"]);
});

Deno.test("A plot has its units, its categories and a mark for each value", drawing, () => {
  for (const width of [820, 360]) {
    const text = plotSvg(LONG, width).replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
    for (const word of ["seconds", "what happened", "0.487", "0.807", "0", "2.5"]) {
      assert.ok(text.includes(` ${word} `), `${word} in ${text}`);
    }
    for (const name of LONG.categories) {
      for (const word of name.split(" ")) assert.ok(text.includes(word), word);
    }
  }
  assert.match(plotSvg(MISSING, 820), /seconds, logarithmic/);
  assert.ok(!plotSvg(STACK, 820).includes("NaN"));
});

Deno.test(
  "A value that is missing is a cross in the colour of its series, and the names say what it means",
  drawing,
  () => {
    const crosses = (svg: string) => svg.match(/<path [^>]*d="M-0\.8 -1L[^>]*>/g) ?? [];
    const drawn = crosses(plotSvg(MISSING, 820));
    assert.equal(drawn.length, 4);
    assert.equal(drawn.filter((path) => path.includes("--series-1")).length, 2);
    assert.equal(crosses(plotSvg(STACK, 820)).length, 0);
    assert.ok(reportHtml(DONE, ABOUT).includes("<li>✕ it never ends</li>"));
  },
);

Deno.test(
  "The report is one page that needs nothing else, with every experiment and all advice",
  drawing,
  () => {
    const html = reportHtml(DONE, ABOUT);
    assert.ok(!/<script|<link|\bsrc=|@import|url\((?!#)/i.test(html));
    assert.deepEqual(
      html.match(/https?:\/\/[^"\s<]*/g)?.filter((url) => !url.includes("w3.org")) ?? [],
      [],
    );
    assert.ok(!html.includes("NaN") && !html.includes("undefined"));
    assert.ok(
      html.includes("a &lt;machine&gt;") && html.includes("&lt;way&gt;") &&
        html.includes("1 &lt; 2 &amp; so on"),
    );
    for (const { experiment: { name, title, question, method }, findings } of DONE) {
      assert.ok(html.includes(`<section id="${name}">`) && html.includes(`href="#${name}"`));
      for (const text of [title, question, method, findings.advice![0]!]) {
        assert.ok(html.includes(text), text);
      }
    }
    // Each plot in two widths, of which a page shows one.
    assert.equal(count(html, "<svg "), 2 * DONE.flatMap(({ findings }) => findings.plots).length);
  },
);

/** Looks at the page in a frame of each width; what it finds stands in the title. */
const LOOK = `<script>
onload = () => {
  const faults = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, width = frame.clientWidth;
    if (page.documentElement.scrollWidth > width) faults.push(width + ": the page is wider");
    let plots = 0;
    for (const svg of page.querySelectorAll("svg")) {
      const box = svg.getBoundingClientRect();
      if (box.width === 0) continue;
      plots++;
      const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() !== "");
      const boxes = texts.map((text) => text.getBoundingClientRect());
      boxes.forEach((a, i) => {
        if (a.left < box.left - 1 || a.right > box.right + 1 || a.bottom > box.bottom + 1) {
          faults.push(width + ": cut off: " + texts[i].textContent);
        }
        boxes.slice(0, i).forEach((b, j) => {
          const over = (low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]);
          if (over("left", "right") > 1 && over("top", "bottom") > 3) {
            faults.push(width + ": overlap: " + texts[i].textContent + " | " + texts[j].textContent);
          }
        });
      });
    }
    faults.push("plots at " + width + ": " + plots);
  }
  document.title = JSON.stringify(faults);
};
</script>`;

testWith(
  ["chromium", "chromium-browser", "google-chrome"],
  "No text of a plot is cut off or covers another one, wide and narrow",
  async (chromium) => {
    await using folder = await TempDir.make();
    const html = reportHtml(DONE, ABOUT).replaceAll("&", "&amp;").replaceAll('"', "&quot;");
    const frames = [1280, 400].map((width) =>
      `<iframe style="border:0;width:${width}px;height:900px" srcdoc="${html}"></iframe>`
    );
    await Deno.writeTextFile(folder.join("look.html"), `<!doctype html>${LOOK}${frames.join("")}`);
    const { stdout } = await new Deno.Command(chromium, {
      args: [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"],
        ...[
          `--user-data-dir=${folder.join("profile")}`,
          "--virtual-time-budget=10000",
          "--dump-dom",
        ],
        `file://${folder.join("look.html")}`,
      ],
      stderr: "null",
    }).output();
    const title = /<title>(.*?)<\/title>/.exec(new TextDecoder().decode(stdout))?.[1];
    const plots = DONE.flatMap(({ findings }) => findings.plots).length;
    assert.deepEqual(JSON.parse(title ?? "null"), [
      `plots at 1280: ${plots}`,
      `plots at 400: ${plots}`,
    ]);
  },
);
