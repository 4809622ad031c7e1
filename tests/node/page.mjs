// Opens pages in a real browser and says what became of them.
//
// Reads a JSON object on stdin: `browser`, the program; `dir`, the folder that is served and opened;
// `pages`, files in it; `screenshots`, a folder for pictures. Writes a JSON object on stdout: for
// each page and each way of opening it, what was requested, logged and refused, and what can be seen.
//
// Every way but `http` has no network at all: requests are refused and the browser is offline.

import { createServer } from "node:http";
import { readFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, basename } from "node:path";
import { pathToFileURL } from "node:url";
import { look } from "./look.mjs";

const require = createRequire(join(process.env.DAGLAB_TEST_NODE, "package.json"));
const { chromium } = require("playwright-core");

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { browser: program, dir, pages, screenshots } = JSON.parse(Buffer.concat(chunks));
await mkdir(screenshots, { recursive: true });

// A host that knows the pages, and remembers whatever else it is asked for.
const asked = [];
const server = createServer(async (request, response) => {
  const name = decodeURIComponent(new URL(request.url, "http://x").pathname.slice(1));
  asked.push(name);
  try {
    const body = await readFile(join(dir, basename(name)));
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const ways = {
  file: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  mobile: { colorScheme: "light", viewport: { width: 390, height: 844 } },
  http: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
};

const seen = {};
const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  for (const file of pages) {
    const name = file.replace(/\.html$/, "");
    seen[file] = {};
    for (const [way, options] of Object.entries(ways)) {
      const context = await browser.newContext({ ...options, offline: way !== "http" });
      const own = way === "http" ? `${origin}/${encodeURIComponent(file)}` : pathToFileURL(join(dir, file)).href;
      const requests = [];
      context.on("request", (request) => {
        if (request.url() !== own && !request.url().startsWith("data:")) requests.push(request.url());
      });
      if (way !== "http") await context.route(/^(?!file:|data:)/, (route) => route.abort());
      const page = await context.newPage();
      const messages = [];
      page.on("console", (message) => messages.push(`${message.type()}: ${message.text()} ${message.location().url.slice(0, 120)}`));
      page.on("pageerror", (error) => messages.push(`error: ${error}`));
      page.on("dialog", (dialog) => { messages.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
      await page.goto(own, { waitUntil: "load" });
      await page.screenshot({ path: join(screenshots, `${name}-${way}.png`), fullPage: true });
      seen[file][way] = { ...(await page.evaluate(look)), requests, messages, at: page.url() === own };
      if (way === "file") {
        await page.emulateMedia({ media: "print" });
        await page.pdf({ path: join(screenshots, `${name}.pdf`), format: "A4" });
        // The first key leads past the header.
        await page.emulateMedia({ media: "screen" });
        await page.keyboard.press("Tab");
        seen[file].first = await page.evaluate(() => document.activeElement?.textContent);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  server.close();
}
seen.asked = asked.filter((name) => !pages.includes(name) && name !== "favicon.ico");
process.stdout.write(JSON.stringify(seen));
