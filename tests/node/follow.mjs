// Opens addresses in a real browser, follows the links there, and says where they lead.
//
// Reads a JSON object on stdin: `browser`, the program; `screenshots`, a folder for pictures;
// `visits`, each with a `name`, its `url`, and if wanted:
//   `text`    what must be seen before anything else is done
//   `close`   the name of a button that closes what may lie over the page
//   `follow`  the address of a link that is clicked
//   `stay`    pages lead nowhere by themselves: they are looked at as they are
//   `ways`    it is opened in the light, in the dark and on a phone
// Writes a JSON object on stdout: by the visit's name, and by the way if there are several, what was
// seen of the page, and as `followed` of that which the link has opened.

import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { look } from "./look.mjs";

const require = createRequire(join(process.env.DAGLAB_TEST_NODE, "package.json"));
const { chromium } = require("playwright-core");

// A browser that hangs must not hold the tests up for ever.
const limit = setTimeout(() => {
  console.error("the browser takes too long");
  process.exit(1);
}, 240_000);
limit.unref();

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { browser: program, screenshots, visits } = JSON.parse(Buffer.concat(chunks));
await mkdir(screenshots, { recursive: true });

const ways = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 } },
};

async function seenOf(page) {
  return {
    url: page.url(),
    text: await page.evaluate(() => document.body.innerText),
    targets: await page.$$eval("a[href]", (all) => all.map((a) => [a.innerText.trim(), a.href, a.target])),
    ...(await page.evaluate(look)),
  };
}

async function visit(browser, options, { url, text, close, follow, stay }, picture) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60_000);
  // An answer without content leaves a browser where it is.
  if (stay) await context.route((to) => to.href !== url, (route) => route.fulfill({ status: 204 }));
  const page = await context.newPage();
  if (close) await page.addLocatorHandler(page.getByRole("button", { name: close }), (button) => button.click());
  await page.goto(url, { waitUntil: "load" });
  if (text) {
    const found = page.getByText(text).first();
    await found.waitFor();
    // Before a click, whatever lies over it is closed.
    if (close) await found.click({ trial: true });
  }
  await page.screenshot({ path: picture(""), fullPage: true });
  const seen = await seenOf(page);
  if (follow) {
    const link = page.locator(`a[href=${JSON.stringify(follow)}]`).first();
    const opens = (await link.getAttribute("target")) === "_blank" ? context.waitForEvent("page") : undefined;
    await link.click();
    const opened = (await opens) ?? page;
    await opened.waitForLoadState("load");
    await opened.screenshot({ path: picture("-followed"), fullPage: true });
    seen.followed = await seenOf(opened);
  }
  await context.close();
  return seen;
}

const seen = {};
const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  for (const asked of visits) {
    const picture = (suffix) => join(screenshots, `${asked.name}${suffix}.png`);
    if (!asked.ways) {
      seen[asked.name] = await visit(browser, ways.light, asked, picture);
      continue;
    }
    seen[asked.name] = {};
    for (const [way, options] of Object.entries(ways)) {
      seen[asked.name][way] = await visit(browser, options, asked, (suffix) => picture(`-${way}${suffix}`));
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(seen));
