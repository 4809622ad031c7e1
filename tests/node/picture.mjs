// Shows Markdown as GitHub would, and says what became of it.
//
// Reads a JSON object on stdin: `browser`, the program; `screenshots`, a folder for pictures; `texts`,
// each with a `name`, `markdown` and `place`, which is `comment` or `summary`. Writes a JSON object on
// stdout: for each text and each way of looking at it, what can be seen.
//
// The Markdown is read by `marked` in GitHub's flavour, passes a list of what GitHub allows, and is
// shown with GitHub's style sheet in a frame as wide as GitHub's. There is no network.

import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.DAGLAB_TEST_NODE, "package.json"));
const { chromium } = require("playwright-core");
const { marked } = require("marked");
const sheet = (scheme) => readFile(require.resolve(`github-markdown-css/github-markdown-${scheme}.css`), "utf8");
const sheets = { light: await sheet("light"), dark: await sheet("dark") };

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { browser: program, screenshots, texts } = JSON.parse(Buffer.concat(chunks));
await mkdir(screenshots, { recursive: true });

// The widths of the column that comments stand in, and of a summary of a job.
const widths = { comment: 780, summary: 960 };
const ways = {
  light: { scheme: "light" },
  dark: { scheme: "dark" },
  phone: { scheme: "light", width: 390 },
};

const frame = (place, { scheme, width }) => `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${place}</title><style>${sheets[scheme]}</style><style>
  body { margin: 0; padding: ${width ? 8 : 24}px; background: ${scheme === "dark" ? "#0d1117" : "#fff"}; }
  .frame { border: 1px solid ${scheme === "dark" ? "#3d444d" : "#d1d9e0"}; border-radius: 6px; overflow: hidden; }
  .head { padding: 8px 16px; font: 14px -apple-system, "Segoe UI", "Noto Sans", sans-serif;
    color: ${scheme === "dark" ? "#9198a1" : "#59636e"}; background: ${scheme === "dark" ? "#151b23" : "#f6f8fa"};
    border-bottom: 1px solid ${scheme === "dark" ? "#3d444d" : "#d1d9e0"}; }
  .markdown-body { padding: 16px; font-size: 14px; }
  .emoji { display: inline-block; width: 1.2em; height: 1.2em; overflow: hidden; vertical-align: text-bottom; color: transparent; background: var(--drawn) no-repeat center / contain; }
</style><div class="frame"><div class="head">${place === "comment" ? "<b>github-actions</b> commented now" : "<b>test</b> summary"}</div>
<article class="markdown-body"></article></div></html>`;

// Runs in the page: puts in what GitHub would leave of the HTML. Returns what it would not.
function sanitize(html) {
  const allowed = new Set(("h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p ol ul li table thead " +
    "tbody tfoot tr td th blockquote dl dt dd kbd q samp var hr ruby rt rp s strike summary details caption figure " +
    "figcaption abbr cite dfn mark small span time wbr input").split(" "));
  const attributes = new Set("href src alt title align valign width height open start type checked disabled class".split(" "));
  const refused = [];
  const document_ = new DOMParser().parseFromString(html, "text/html");
  for (const element of [...document_.body.querySelectorAll("*")]) {
    const tag = element.localName;
    if (!allowed.has(tag) || (tag === "input" && element.type !== "checkbox")) {
      refused.push(`<${tag}>`);
      if (["script", "style", "iframe", "svg", "math", "template"].includes(tag)) element.remove();
      else element.replaceWith(...element.childNodes);
      continue;
    }
    for (const name of element.getAttributeNames()) {
      const address = name === "href" || name === "src";
      const unsafe = address && !/^(https?:|mailto:|[^:]*$)/i.test(element.getAttribute(name).trim());
      if (!attributes.has(name) || unsafe) {
        refused.push(`${tag} ${name}=${element.getAttribute(name)}`);
        element.removeAttribute(name);
      }
    }
  }
  document.querySelector("article").replaceChildren(...document_.body.childNodes);
  return refused;
}

// Runs in the page: draws the signs that the machine may have no font for, about as people see them.
function draw() {
  const drawn = {
    "❌": '<path d="m4 4 12 12m0-12L4 16" stroke="#dd2e44" stroke-width="4" stroke-linecap="round"/>',
    "✅": '<rect x="1" y="1" width="18" height="18" rx="3" fill="#57ab5a"/><path d="m5 10 4 4 7-8" stroke="#fff" stroke-width="3" fill="none"/>',
    "⚠️": '<path d="M10 1 20 19H0z" fill="#ffcc4d"/><path d="M10 7v6m0 2v2" stroke="#231f20" stroke-width="2"/>',
    "⏭️": '<rect x="1" y="1" width="18" height="18" rx="3" fill="#3b88c3"/><path d="m4 5 6 5-6 5zm6 0 5 5-5 5zm5 0h2v10h-2z" fill="#fff"/>',
    "ℹ️": '<rect x="1" y="1" width="18" height="18" rx="3" fill="#3b88c3"/><path d="M10 4v3m0 2v7" stroke="#fff" stroke-width="3"/>',
  };
  const signs = new RegExp(`(${Object.keys(drawn).join("|")})`);
  const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  const nodes = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) if (signs.test(node.data)) nodes.push(node);
  for (const node of nodes) {
    node.replaceWith(...node.data.split(signs).filter(Boolean).map((part) => {
      if (!(part in drawn)) return part;
      const span = document.createElement("span");
      span.className = "emoji";
      span.textContent = part;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">${drawn[part]}</svg>`;
      span.style.setProperty("--drawn", `url("data:image/svg+xml,${encodeURIComponent(svg)}")`);
      return span;
    }));
  }
}

// Runs in the page.
function look() {
  const article = document.querySelector("article");
  const prose = [];
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.closest("code, pre")) prose.push(node.data);
  }
  const edge = article.getBoundingClientRect().right;
  const text = (element) => element.innerText.replaceAll("\u00a0", " ").trim();
  const tables = [...article.querySelectorAll("table")].map((table) => ({
    folded: table.closest("details") !== null,
    cells: [...table.rows].map((row) => row.cells.length),
    rows: [...table.rows].slice(1).map((row) => [...row.cells].map(text)),
    scrolls: table.scrollWidth - table.clientWidth,
  }));
  return {
    owned: window.owned ?? null,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    // What scrolls by itself may be wider.
    beyond: [...article.querySelectorAll("*")]
      .filter((element) => !element.closest("pre, table") && element.getBoundingClientRect().right > edge + 0.5)
      .map((element) => element.outerHTML.slice(0, 200)),
    tables,
    // A table or a list that was not understood is text.
    raw: prose.filter((line) => /^\s*\||\|\s*:?--|^\s*```|^\s*#{1,6} |\]\(|\*\*|<\/?[a-z]+>/m.test(line)),
    references: prose.flatMap((line) => line.match(/@[\w-]+|#\d+|\bGH-\d+|\bwww\.\S+|\w+:\/\/\S+/gi) ?? []),
    headings: [...article.querySelectorAll("h1, h2, h3, h4")].map((element) => `${element.localName} ${text(element)}`),
    order: [...article.children].map((element) => element.localName),
    links: [...article.querySelectorAll("a")].map((a) => [a.textContent.replaceAll("\u00a0", " "), a.getAttribute("href")]),
    pictures: article.querySelectorAll("img").length,
    summaries: [...article.querySelectorAll("summary")].map((summary) => summary.innerText),
    counts: article.querySelector("p")?.innerText.replaceAll("\u00a0", " ") ?? "",
    footer: article.lastElementChild?.innerText.replaceAll("\u00a0", " ") ?? "",
    height: Math.round(article.getBoundingClientRect().height),
  };
}

// Opens and closes what is folded, by its summary, as a reader does. Returns what did not obey.
async function unfold(page) {
  const stubborn = [];
  const all = await page.locator("article > details").all();
  for (const details of all) {
    const heights = [];
    for (let click = 0; click < 3; click++) {
      heights.push((await details.boundingBox()).height);
      await details.locator("> summary").click({ position: { x: 4, y: 4 } });
    }
    // The last click has left it open.
    const obeys = heights[1] > heights[0] && heights[2] === heights[0];
    if (!obeys) stubborn.push([heights, (await details.textContent()).slice(0, 80)]);
  }
  return { folds: all.length, stubborn };
}

const seen = {};
const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  for (const { name, markdown, place } of texts) {
    const html = marked.parse(markdown, { gfm: true, breaks: place === "comment" });
    seen[name] = {};
    for (const [way, options] of Object.entries(ways)) {
      const width = options.width ?? widths[place] + 48;
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: options.scheme, offline: true });
      const page = await context.newPage();
      const requests = [];
      page.on("request", (request) => request.url().startsWith("data:") || requests.push(request.url()));
      await page.setContent(frame(place, options));
      const refused = await page.evaluate(sanitize, html);
      await page.evaluate(draw);
      const picture = (suffix) => join(screenshots, `${place}-${name}-${way}${suffix}.png`);
      await page.screenshot({ path: picture(""), fullPage: true });
      const closed = await page.evaluate(look);
      const folded = way === "light" ? await unfold(page) : {};
      const folds = await page.$$eval("article > details", (all) => all.map((details) => { details.open = true; }).length);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      // A browser draws no longer pictures than this.
      if (folds && height < 16_000) await page.screenshot({ path: picture("-open"), fullPage: true });
      const open = await page.evaluate(look);
      seen[name][way] = { ...closed, ...folded, requests, refused, open };
      await context.close();
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(seen));
