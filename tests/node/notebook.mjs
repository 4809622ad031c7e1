// Opens notebooks in a real browser, does what a person would, and says what was seen.
//
// Reads a JSON object on stdin: `browser`, the program; `screenshots`, a folder for pictures;
// `visits`, each with a `name`, its `url`, whether it is `dark`, and `steps`, done one after the
// other. A step is an object with one of these:
//   `run`      how long all cells may take: the editor runs none of them by itself
//   `stop`     ends the cell that is running, in the editor
//   `press`    the name of a button
//   `twice`    the name of a button that is pressed two times, as fast as it goes
//   `insist`   [button, text]: presses until the text appears, as one who was told that it was too soon
//   `rest`     does nothing for a second, as people do: an editor tells marimo what it holds when nobody
//              has typed for a while, and marimo takes it for that of the editor in its place by then
//   `see`      a text that appears
//   `gone`     a text that disappears
//   `choose`   [label, option] of a dropdown
//   `fill`     [label, text] of a field
//   `pick`     the name of a radio button
//   `tick`     the number of a table's row, counted from 0
//   `edit`     what is written into the editor of the run config, in place of what is there
//   `open`     the name of an accordion or a tab
//   `keep`     [name, text]: whether the text can be seen now, and how often
//   `download` the name of a button that downloads: what it gives is returned by that name
//   `picture`  what the picture is called
// Writes a JSON object on stdout: by the visit's name, the texts of the page, its links, what failed in
// it, and what was kept.

import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.DAGLAB_TEST_NODE, "package.json"));
const { chromium } = require("playwright-core");

const limit = setTimeout(() => {
  console.error("the browser takes too long");
  process.exit(1);
}, 420_000);
limit.unref();

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { browser: program, screenshots, visits } = JSON.parse(Buffer.concat(chunks));
await mkdir(screenshots, { recursive: true });

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function doer(page, name, kept) {
  const button = (label) => page.locator("marimo-button, marimo-form, marimo-download").getByText(label, { exact: true }).first();
  // What is off the screen is no less there. A string would match in any case: code, too.
  const text = (wanted) => page.getByText(new RegExp(escaped(wanted))).filter({ visible: true }).first();
  // marimo writes labels into an attribute: Markdown's HTML, as JSON.
  const field = (label) => page.locator(`[data-label*="\\\\u003e${label}\\\\u003c"] :is(input, select, textarea)`).first();
  return {
    run: async () => {
      // A cell's button has the same name: the last is that of all.
      await page.locator("#run-button, [data-testid=run-button]").last().click();
    },
    stop: () => page.locator("[data-testid=interrupt-button]").click(),
    press: (label) => button(label).click(),
    twice: async (label) => {
      await button(label).evaluate((element) => {
        const pressed = element.closest("button") ?? element;
        pressed.click();
        pressed.click();
      });
    },
    insist: async ([label, wanted]) => {
      for (let times = 0; times < 10; times += 1) {
        await button(label).click();
        if (await text(wanted).waitFor({ timeout: 5_000 }).then(() => true, () => false)) return;
      }
      throw new Error("it was pressed ten times");
    },
    rest: () => page.waitForTimeout(1_000),
    see: (wanted) => text(wanted).waitFor(),
    gone: (wanted) => text(wanted).waitFor({ state: "hidden" }),
    choose: ([label, option]) => field(label).selectOption({ label: option }),
    fill: async ([label, value]) => {
      await field(label).fill(value);
      await field(label).press("Enter");
      await field(label).blur();
    },
    pick: (label) => page.getByRole("radio", { name: label, exact: true }).first().click(),
    tick: (row) => page.locator("marimo-table").getByRole("checkbox").nth(row + 1).click(),
    edit: async (value) => {
      const editor = page.locator("marimo-code-editor .cm-content").first();
      await editor.click();
      await page.keyboard.press("ControlOrMeta+a");
      await page.keyboard.insertText(value);
    },
    open: (label) => page.locator("marimo-accordion, marimo-tabs").getByText(label, { exact: true }).first().click(),
    keep: async ([key, wanted]) => { kept[key] = await page.getByText(wanted).filter({ visible: true }).count(); },
    download: async (label) => {
      const started = page.waitForEvent("download");
      await button(label).click();
      kept[label] = await readFile(await (await started).path(), "utf8");
    },
    picture: (called) => page.screenshot({ path: join(screenshots, `${name}-${called}.png`), fullPage: true }),
  };
}

async function visit(browser, { name, url, dark, steps }) {
  const context = await browser.newContext({
    colorScheme: dark ? "dark" : "light",
    // As high as a page gets: marimo scrolls within, and pictures show what is on the screen.
    viewport: { width: 1180, height: 4000 },
    acceptDownloads: true,
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const kept = {};
  const messages = [];
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.goto(url, { waitUntil: "load" });
  const does = doer(page, name, kept);
  try {
    for (const step of steps) {
      const [[what, how]] = Object.entries(step);
      try {
        await does[what](how);
      } catch (error) {
        await does.picture("failed");
        throw new Error(`${name}, at ${JSON.stringify(step)}: ${error}`);
      }
    }
    return {
      text: await page.evaluate(() => document.body.innerText),
      links: await page.locator("a[href]").evaluateAll((all) => all.map((a) => [a.innerText.trim(), a.href])),
      errors: await page.locator(".marimo-error, [data-testid=cell-error]").allInnerTexts(),
      messages,
      kept,
    };
  } finally {
    await context.close();
  }
}

const seen = {};
const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  for (const asked of visits) seen[asked.name] = await visit(browser, asked);
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(seen));
