// Three lines of 15 minutes: what comes in, what is delivered, what waits. Drawn by uPlot.

import { json } from "./net.js";

const LONG = 15 * 60;
const SHORT = 2 * 60;
const charts = [
  { title: "In", unit: "/s", lines: [["accepted", "--line"], ["refused", "--bad"]] },
  { title: "Delivered", unit: "/s", lines: [["delivered", "--line"], ["failed", "--bad"]] },
  { title: "Waiting", unit: "", lines: [["waiting", "--line"]] },
];
const columns = ["accepted", "refused", "delivered", "failed", "waiting"];
let seen = { at: [], ...Object.fromEntries(columns.map((name) => [name, []])) };
let last = 0;
let drawn = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (value) => value == null ? "–" : value >= 1e6 ? `${+(value / 1e6).toFixed(1)}M` : value >= 1e4 ? `${Math.round(value / 1e3)}k` : `${+value.toFixed(value < 10 ? 1 : 0)}`;

/** Adds what is new since the last time. */
export async function follow() {
  const news = await json(`/api/v1/history?since=${last}`);
  news.at.forEach((at, index) => {
    // Seconds that nobody has seen are a gap, and not a line.
    if (last && at - last > 5_000) push(last / 1_000 + 1, () => null);
    // What goes wrong is drawn only where it does.
    push(at / 1_000, (name) => (name === "refused" || name === "failed") && !news[name][index] ? null : news[name][index]);
    last = at;
  });
  const from = last / 1_000 - LONG;
  const old = seen.at.findIndex((at) => at > from);
  if (old > 0) for (const name of ["at", ...columns]) seen[name].splice(0, old);
  if (news.at.length || !drawn.length) draw();
}

function push(at, value) {
  seen.at.push(at);
  for (const name of columns) seen[name].push(value(name));
}

const data = (chart) => [seen.at, ...chart.lines.map(([name]) => seen[name])];

function draw() {
  const box = document.getElementById("charts");
  if (!box) return;
  if (!drawn.length || !box.firstChild) build(box);
  drawn.forEach(({ plot, chart, caption }) => {
    plot.setData(data(chart), false);
    const end = seen.at.at(-1) ?? Date.now() / 1_000;
    // A node that has just begun shows more of the little that there is.
    const begin = Math.max(end - LONG, Math.min(seen.at[0] ?? end, end - SHORT));
    plot.setScale("x", { min: begin, max: end });
    caption(null);
  });
}

function build(box) {
  drawn.forEach(({ plot }) => plot.destroy());
  box.replaceChildren();
  drawn = charts.map((chart) => {
    const figure = document.createElement("figure");
    const words = document.createElement("figcaption");
    figure.append(words);
    box.append(figure);
    const caption = (index) => {
      const values = chart.lines.map(([name], line) => {
        const value = seen[name].at(index ?? -1);
        return line === 0 ? `${short(value)}${chart.unit}` : value ? `${name} ${short(value)}${chart.unit}` : "";
      });
      const when = index == null ? "" : `${new Date(seen.at[index] * 1_000).toISOString().slice(11, 19)} `;
      words.textContent = `${chart.title}  ${when}${values.filter(Boolean).join(", ")}`;
    };
    const ink = colour("--muted");
    const axis = { stroke: ink, font: "11px system-ui, sans-serif", grid: { stroke: colour("--rule"), width: 1 }, ticks: { show: false } };
    const plot = new uPlot({
      ...size(figure),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1_000), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, points: { size: 5 }, sync: { key: "console" } },
      scales: { y: { range: (_, __, top) => [0, Math.max(top ?? 0, 1) * 1.1] } },
      axes: [
        { ...axis, space: 70, size: 22, gap: 2, values: (_, ticks, __, ___, apart) => ticks.map((at) => new Date(at * 1_000).toISOString().slice(11, apart < 60 ? 19 : 16)) },
        { ...axis, space: 28, size: 38, gap: 4, values: (_, ticks) => ticks.map(short) },
      ],
      series: [{}, ...chart.lines.map(([, name], line) => ({
        stroke: colour(name), width: 1.5, fill: line === 0 ? colour("--fill") : undefined, points: { show: false },
      }))],
      hooks: { setCursor: [(plot) => caption(plot.cursor.idx ?? null)] },
    }, data(chart), figure);
    return { plot, chart, figure, caption };
  });
}

function size(figure) {
  const tall = document.documentElement.hasAttribute("data-wall") ? innerHeight * 0.17 : 112;
  return { width: Math.max(figure.clientWidth, 200), height: Math.round(tall) };
}

addEventListener("resize", () => drawn.forEach(({ plot, figure }) => plot.setSize(size(figure))));

/** Anew, in other colours. */
export function redraw() {
  const box = document.getElementById("charts");
  if (box && drawn.length) build(box), draw();
}
