"use strict";
// A test reads from the page whether anything went wrong here.
addEventListener("error", event => { document.body.dataset.error = event.message; });
addEventListener("securitypolicyviolation", event => { document.body.dataset.error = event.violatedDirective; });

const report = JSON.parse(document.getElementById("report").textContent);
const page = document.getElementById("page");

// An element with attributes and children; text is never taken for markup.
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "style") Object.entries(value).forEach(([rule, text]) => element.style.setProperty(rule, text));
    else element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

function bytes(number) {
  if (number < 1000) return `${number} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let unit = -1;
  while (number >= 999.95 && unit < units.length - 1) { number /= 1000; unit += 1; }
  return `${number.toFixed(1)} ${units[unit]}`;
}

function seconds(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const all = milliseconds / 1000;
  return all < 90 ? `${all.toFixed(1)} s` : `${Math.floor(all / 60)} min ${Math.round(all % 60)} s`;
}

const moment = began => began === null ? "" : new Date(began * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
const sum = (list, value) => list.reduce((all, one) => all + value(one), 0);
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const card = (value, label) => make("div", { class: "card" }, make("b", {}, value), make("span", {}, label));
const number = text => make("td", { class: "number" }, text);
const sizeOf = platform => sum(platform.layers, layer => layer.size);

function table(heads, rows) {
  const head = make("tr", {}, ...heads.map(text => make("th", text.startsWith("#") ? { class: "number" } : {}, text.replace("#", ""))));
  return make("div", { class: "wide" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

// Rectangles for values that are sorted downwards, each as near to a square as can be: rows are filled along
// the shorter side as long as the worst shape of the row gets better.
function squares(values, x, y, width, height) {
  const all = sum(values, value => value);
  const boxes = [];
  if (all <= 0 || width <= 0 || height <= 0) return boxes;
  const scale = (width * height) / all;
  let first = 0;
  while (first < values.length) {
    const side = Math.min(width, height);
    const worst = (from, to) => {
      const area = sum(values.slice(from, to), value => value) * scale;
      const thickness = area / side;
      return Math.max(...values.slice(from, to).map(value => {
        const length = (value * scale) / thickness;
        return Math.max(length / thickness, thickness / length);
      }));
    };
    let last = first + 1;
    while (last < values.length && worst(first, last + 1) <= worst(first, last)) last += 1;
    const thickness = (sum(values.slice(first, last), value => value) * scale) / side;
    let along = 0;
    for (let place = first; place < last; place += 1) {
      const length = (values[place] * scale) / thickness;
      boxes.push(width < height
        ? { x: x + along, y, width: length, height: thickness }
        : { x, y: y + along, width: thickness, height: length });
      along += length;
    }
    if (width < height) { y += thickness; height -= thickness; } else { x += thickness; width -= thickness; }
    first = last;
  }
  return boxes;
}

// What draws the pictures once they have a width.
const maps = [];

function treemap(platform) {
  const map = make("div", { class: "map", role: "img", "aria-label": `sizes of the layers for ${platform.platform}` });
  const layers = platform.layers.filter(layer => layer.size > 0).sort((left, right) => right.size - left.size);
  const hues = new Map(layers.map((layer, place) => [layer, (place * 67 + 210) % 360]));
  let drawn = 0;
  const draw = () => {
    const width = map.clientWidth;
    if (width === drawn) return;
    drawn = width;
    const height = Math.round(Math.max(220, Math.min(420, width * 0.5)));
    map.replaceChildren();
    map.style.height = `${height}px`;
    const outer = squares(layers.map(layer => layer.size), 0, 0, width, height);
    layers.forEach((layer, place) => {
      const box = outer[place];
      const held = layer.holds.filter(one => one.size > 0).sort((left, right) => right.size - left.size);
      const packages = held.length > 0 ? held : [{ name: layer.name, version: "", size: layer.size }];
      const inner = squares(packages.map(one => one.size), box.x, box.y, box.width, box.height);
      packages.forEach((one, index) => {
        const place = inner[index];
        const about = `${one.name} ${one.version}`.trim();
        const told = place.width > 40 && place.height > 16;
        map.append(make("div", {
          class: layer.made === "base" ? "base" : "",
          title: `${about}: ${bytes(one.size)}, in layer ${layer.name} of ${bytes(layer.size)}`,
          style: {
            "--hue": String(hues.get(layer)), left: `${place.x}px`, top: `${place.y}px`,
            width: `${place.width}px`, height: `${place.height}px`, padding: told ? "2px 5px" : "0",
          },
        }, told ? make("b", {}, about) : null, told && place.height > 34 ? make("span", {}, bytes(one.size)) : null));
      });
    });
  };
  maps.push(draw);
  new ResizeObserver(() => requestAnimationFrame(draw)).observe(map);
  return map;
}

// The platforms side by side. Layers of one name, such as the base's, are told apart by their order.
function layers(image) {
  const rows = new Map();
  image.platforms.forEach((platform, column) => {
    const seen = {};
    for (const layer of platform.layers) {
      seen[layer.name] = (seen[layer.name] || 0) + 1;
      const key = `${layer.name}\n${seen[layer.name]}`;
      if (!rows.has(key)) rows.set(key, { name: layer.name, cells: image.platforms.map(() => null) });
      rows.get(key).cells[column] = layer;
    }
  });
  const cells = layer => layer === null ? [make("td"), make("td"), make("td")] : [
    number(bytes(layer.size)),
    make("td", {}, [layer.made, ...new Set(layer.delivered)].filter(word => word !== "-").join(", ")),
    number(layer.took > 0 && layer.made === "built" ? seconds(layer.took) : ""),
  ];
  const why = cells => [...new Set(cells.flatMap(layer => layer === null ? [] : layer.why))];
  const body = [...rows.values()].map(row => {
    const reasons = why(row.cells).slice(0, 8).map(text => make("li", {}, text));
    const name = make("td", {}, row.name, reasons.length > 0 ? make("ul", {}, ...reasons) : null);
    return make("tr", {}, name, ...row.cells.flatMap(cells));
  });
  const together = image.platforms.flatMap(platform => [number(bytes(sizeOf(platform))), make("td"), make("td")]);
  body.push(make("tr", { class: "sum" }, make("td", {}, "together"), ...together));
  return table(["layer", ...image.platforms.flatMap(platform => [`#${platform.platform}`, "", "#took"])], body);
}

// Each finding once, with the platforms that have it.
function distinct(image) {
  const all = new Map();
  for (const platform of image.platforms) {
    for (const finding of platform.findings) {
      const key = JSON.stringify(finding);
      if (!all.has(key)) all.set(key, { finding, platforms: [] });
      all.get(key).platforms.push(platform.platform);
    }
  }
  return [...all.values()];
}

function findings(image) {
  const all = distinct(image);
  if (all.length === 0) return make("p", { class: "soft" }, "Nothing was found.");
  const told = ({ finding, platforms }) => make("li", {},
    make("p", {}, make("b", { style: { color: `var(--${finding.level})` } }, `${finding.level} ${finding.code}`), ` ${finding.message}`),
    make("p", { class: "soft" }, finding.place === null ? null : make("code", {}, finding.place), ` on ${platforms.join(", ")}`),
    finding.advice === null ? null : make("p", {}, finding.advice));
  return make("ul", { class: "findings" }, ...all.map(told));
}

function builds(image) {
  const most = Math.max(...image.builds.map(build => build.took), 1);
  const shown = image.builds.length > 12 ? [image.builds[0], ...image.builds.slice(-11)] : image.builds;
  const rows = shown.flatMap((build, place) => {
    const name = place === 0 ? "first" : place === shown.length - 1 ? "this one" : moment(build.began);
    const width = `${(100 * build.took) / most}%`;
    return [make("span", {}, name), make("i", { style: { width } }),
      make("span", {}, `${seconds(build.took)}, ${build.made} made, ${build.kept} there, ${bytes(build.sent)} sent`)];
  });
  return make("div", { class: "bars" }, ...rows);
}

function timeline() {
  const end = Math.max(report.took, ...report.timeline.map(span => span.to), 1);
  const box = make("div", { class: "times" });
  for (const [kind, label] of [["download", "downloads"], ["layer", "layers"], ["upload", "uploads"]]) {
    const spans = report.timeline.filter(span => span.kind === kind);
    if (spans.length === 0) continue;
    const moved = sum(spans, span => span.bytes);
    box.append(make("div", { class: "group" }, `${label}: ${spans.length}, ${bytes(moved)}`));
    // A layer stands beside what else its thread made.
    const place = span => span.thread === null ? span.lane : span.thread;
    for (const lane of [...new Set(spans.map(place))].sort((left, right) => String(left).localeCompare(String(right), "en", { numeric: true }))) {
      const row = make("div", { class: "lane" });
      for (const span of spans.filter(span => place(span) === lane)) {
        const share = (span.to - span.from) / end;
        row.append(make("i", {
          title: `${span.name}: ${seconds(span.to - span.from)}, ${bytes(span.bytes)}, from ${seconds(span.from)}` + (span.thread ? `, ${span.thread}` : ""),
          style: { left: `${(100 * span.from) / end}%`, width: `${100 * share}%`, background: `var(--${kind})`, padding: share > 0.06 ? "0 3px" : "0" },
        }, share > 0.06 ? span.name : ""));
      }
      box.append(row);
    }
  }
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(part => make("span", { style: { left: `${100 * part}%` } }, seconds(Math.round(end * part))));
  box.append(make("div", { class: "axis" }, ...ticks));
  return box;
}

function image(one) {
  const parts = [make("h2", {}, one.variant === null ? report.name : one.variant), make("p", {}, make("code", {}, one.digest))];
  for (const delivery of one.deliveries) {
    parts.push(make("p", { class: "soft" }, make("code", {}, delivery.to), `: ${bytes(delivery.sent)} sent`));
  }
  parts.push(make("h3", {}, "Layers"), layers(one), make("h3", {}, "Findings"), findings(one));
  for (const platform of one.platforms) {
    parts.push(make("h3", {}, `What is how large: ${platform.platform}, ${bytes(sizeOf(platform))}`), treemap(platform));
  }
  if (one.builds.length > 1) parts.push(make("h3", {}, "Builds on this machine"), builds(one));
  return parts;
}

const all = report.images.flatMap(one => one.platforms.flatMap(platform => platform.layers));
const levels = level => sum(report.images, one => distinct(one).filter(({ finding }) => finding.level === level).length);
const own = all.filter(layer => layer.made !== "base");
page.append(
  make("h1", {}, report.name),
  make("p", { class: "soft" }, [moment(report.began), `wheelwright ${report.version}`].filter(text => text !== "").join(", ")),
  make("div", { class: "cards" },
    card(seconds(report.took), "from start to end"),
    card(bytes(sum(report.timeline.filter(span => span.kind === "download"), span => span.bytes)), "downloaded"),
    card(`${own.filter(layer => layer.made === "built").length} of ${own.length}`, "layers made, the others were there"),
    card(bytes(sum(report.images, one => sum(one.deliveries, delivery => delivery.sent))), "sent or written"),
    card(count(levels("error"), "error"), count(levels("warning"), "warning")),
  ),
);
if (report.warnings.length > 0) {
  page.append(make("h3", {}, "Warnings"), make("ul", {}, ...report.warnings.map(text => make("li", {}, text))));
}
if (report.timeline.length > 0) page.append(make("h3", {}, "What went on, and when"), timeline());
page.append(...report.images.flatMap(image));
maps.forEach(draw => draw());
document.body.dataset.drawn = String(report.images.length);
