// What can be seen of a page. Runs in it.

export function look() {
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === "visible";
  };
  const channel = (value) => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const parts = numbers(getComputedStyle(at).backgroundColor);
      if (parts.length === 3 || parts[3] > 0.99) return parts;
    }
    return [255, 255, 255];
  };
  // The lowest contrast of any text, with an example of it.
  let contrast = { ratio: 21, text: "" };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(), count = 0; node && count < 8000; node = walker.nextNode(), count++) {
    const element = node.parentElement;
    const text = node.data.trim();
    if (!text || !visible(element) || element.closest("[aria-hidden=true], .dim")) continue;
    const [light, dark] = [luminance(numbers(getComputedStyle(element).color)), luminance(background(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < contrast.ratio) contrast = { ratio, text: text.slice(0, 60) };
  }
  const cells = {};
  for (const cell of document.querySelectorAll("article.cell")) {
    for (const details of cell.querySelectorAll("details")) details.open = true;
    cells[cell.id] = cell.innerText;
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return {
    title: document.title,
    heading: document.querySelector("h1")?.innerText,
    header: document.querySelector("header")?.innerText,
    cells,
    causes: [...document.querySelectorAll(".causes a")].map((a) => [a.getAttribute("href"), a.innerText]),
    broken: [...document.images].filter((image) => !(image.complete && image.naturalWidth > 0)).map((image) => image.outerHTML.slice(0, 200)),
    images: document.images.length,
    unnamed: [...document.images].filter((image) => !image.alt).length,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    dangling: [...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href").slice(1)).filter((id) => !ids.includes(id) && !ids.includes(decodeURIComponent(id))),
    repeated: ids.filter((id, index) => ids.indexOf(id) !== index),
    links: [...document.querySelectorAll("a[href]:not([href^='#'])")].map((a) => a.getAttribute("href")),
    active: [...document.querySelectorAll("script, iframe, object, embed, form, link, base, meta[http-equiv=refresh], input, svg, [style]")].map((element) => element.outerHTML.slice(0, 200)),
    handlers: [...document.querySelectorAll("*")].flatMap((element) => element.getAttributeNames().filter((name) => name.startsWith("on"))),
    landmarks: ["header", "main", "footer"].every((name) => document.querySelectorAll(`body > ${name}`).length === 1),
    headings: [...document.querySelectorAll("h1, h2")].map((element) => element.tagName).slice(0, 3),
    owned: window.owned ?? null,
    contrast,
  };
}
