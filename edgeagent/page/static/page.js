// The page of the agent: it is told what there is by server-sent events, and draws it.
// Text from the agent is only ever set as text.

const CELLS = 48;
const SILENT_MS = 6000;
const KNOCK_MS = [1000, 2000, 4000, 8000, 15000];
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

const views = new Map();
let source = null;
let heardMs = 0;
let knocks = 0;
let newestMs = Infinity;

// What is said, in words.

const number = (n) => n.toLocaleString("en");
const plural = (n, one) => `${number(n)} ${one}${n === 1 ? "" : "s"}`;

function lasting(s) {
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return plural(Math.round(s / 86400), "day");
}

function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  return `${ms >= 100 ? Math.round(ms) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

function inView(things) {
  const names = new Map();
  for (const { name } of things) names.set(name, (names.get(name) ?? 0) + 1);
  return [...names].map(([name, n]) => (n > 1 ? `${n} × ${name}` : name)).join(", ");
}

const titled = (part) => {
  const [kind, ...rest] = part.split(".");
  const name = rest.join(".");
  return name ? `${kind[0].toUpperCase()}${kind.slice(1)} ${name}` : kind[0].toUpperCase() + kind.slice(1);
};

// Small things of the document.

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function made(tag, parent, text = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

function drawn(tag, parent, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

const cloned = (id) => $(id).content.firstElementChild.cloneNode(true);

// What stands in the settings.

function showPlan({ device, cameras }) {
  set($("device"), device);
  document.title = device;
  const names = new Set(cameras.map(({ name }) => name));
  for (const [name, view] of views) if (!names.has(name)) forget(name, view);
  for (const camera of cameras) ground(viewOf(camera.name), camera);
}

function forget(name, view) {
  view.card.remove();
  views.delete(name);
}

function viewOf(name) {
  if (!views.has(name)) views.set(name, newView(name));
  return views.get(name);
}

function newView(name) {
  const card = cloned("view");
  const find = (selector) => card.querySelector(selector);
  const view = { card, find, cells: [], things: new Map(), stages: new Map(), words: "" };
  set(find("h3"), name);
  for (let n = 0; n < CELLS; n += 1) view.cells.push(made("i", find(".cells")));
  $("views").append(card);
  return view;
}

function ground({ find }, { zones, lines }) {
  const [area, names] = [find(".ground"), find(".names")];
  area.replaceChildren();
  names.replaceChildren();
  for (const { name, kind, polygon } of zones) {
    drawn("polygon", area, { points: polygon.map((p) => p.join()).join(" "), "data-kind": kind });
    place(names, name, Math.min(...polygon.map(([x]) => x)), Math.max(...polygon.map(([, y]) => y)), true);
  }
  for (const { name, from: [x1, y1], to: [x2, y2] } of lines) {
    drawn("line", area, { x1, y1, x2, y2 });
    place(names, name, (x1 + x2) / 2, (y1 + y2) / 2, false);
  }
}

function place(names, name, x, y, above) {
  const label = made("span", names, name);
  label.style.left = `calc(${100 * x}% + .35rem)`;
  label.style.top = `calc(${100 * y}% - ${above ? "1.6" : ".6"}rem)`;
}

// What moves now.

function showLive(cameras) {
  for (const [name, seen] of Object.entries(cameras)) showScene(viewOf(name), name, seen);
}

function showScene(view, name, seen) {
  const scene = view.find(".scene");
  scene.style.aspectRatio = Math.min(Math.max(seen.aspect, 1), 2.4);
  view.cells.forEach((cell, n) => cell.style.setProperty("--moved", shade(seen.grid?.[n] ?? 0)));
  showThings(view, seen.things.filter(({ box }) => box));
  const words = inView(seen.things);
  set(view.find(".seen"), words ? `${words} in view` : "");
  scene.setAttribute("aria-label", `${name}: ${words || "nothing"} in view, ${seen.area ? "something moves" : "all still"}`);
  veil(view, seen);
}

// Faint motion shall be seen, too: the eye takes a share of light for its square.
const shade = (moved) => (moved ? 0.12 + 0.68 * Math.sqrt(moved / 255) : 0).toFixed(2);

function veil(view, { armed, age_s: age }) {
  const asleep = !armed ? "Not armed now" : age !== null && age > 5 ? `No picture for ${lasting(age)}` : "";
  view.card.toggleAttribute("data-veil", Boolean(asleep));
  set(view.find(".veil"), asleep);
}

function showThings(view, things) {
  const tracks = new Set(things.map(({ track }) => track));
  for (const [track, box] of view.things) {
    if (!tracks.has(track)) {
      box.remove();
      view.things.delete(track);
    }
  }
  for (const thing of things) frame(view, thing);
}

function frame(view, { track, name, score, box: [left, top, right, bottom] }) {
  let box = view.things.get(track);
  if (!box) {
    box = made("div", view.find(".things"));
    made("span", box);
    view.things.set(track, box);
  }
  set(box.firstChild, `${name} ${Math.round(score * 100)} %`);
  box.classList.toggle("high", top < 0.1);
  box.classList.toggle("right", left > 0.72);
  const edges = { left, top, width: right - left, height: bottom - top };
  for (const [edge, share] of Object.entries(edges)) box.style[edge] = `${(100 * share).toFixed(1)}%`;
}

// How all fares.

const VERDICTS = { ok: "All is well", warning: "It works, and wants a look", fault: "Something is wrong" };

function showState(state) {
  $("health").dataset.level = state.level;
  set($("verdict"), VERDICTS[state.level]);
  set($("summary"), summary(state));
  showUnwell(state.unwell);
  showParts(state);
  for (const [name, figures] of Object.entries(state.cameras)) showFigures(viewOf(name), figures);
  for (const part of state.parts) if (part.part.startsWith("camera.")) showCamera(part);
  set($("about"), `edgeagent ${state.version}, up ${lasting(state.up_s)}`);
}

function summary({ cameras, engines, outbox }) {
  const devices = [...new Set(Object.values(engines))].join(", ");
  const looks = devices && devices !== "none" ? `the model runs on ${devices}` : "no model looks";
  const waits = outbox ? `${plural(outbox, "event")} to send` : "all is sent";
  return `${plural(Object.keys(cameras).length, "camera")}, ${looks}, ${waits}.`;
}

function showUnwell(unwell) {
  const list = $("unwell");
  const said = JSON.stringify(unwell.map(({ part, level, why, cure }) => [part, level, why, cure]));
  if (list.dataset.said === said) {
    unwell.forEach(({ age_s: age }, n) => set(list.children[n].querySelector("span"), `for ${lasting(age)}`));
    return;
  }
  list.dataset.said = said;
  list.replaceChildren(...unwell.map(complaint));
}

function complaint({ part, level, why, cure, age_s: age }) {
  const item = document.createElement("li");
  item.dataset.level = level;
  const title = made("h3", item, titled(part));
  made("span", title, `for ${lasting(age)}`);
  made("p", item, why);
  if (cure) advise(item, cure);
  return item;
}

function advise(item, cure) {
  const advice = made("p", item);
  advice.className = "cure";
  made("b", advice, "What to do: ");
  advice.append(cure);
}

function showParts(state) {
  const told = state.parts
    .filter(({ part }) => !part.startsWith("camera."))
    .map(({ part, level, why }) => ({ part, level, why: why || figure(part, state) }));
  const said = JSON.stringify(told);
  if ($("parts").dataset.said === said) return;
  $("parts").dataset.said = said;
  $("parts").replaceChildren(...told.map(partRow));
}

// What is said of a part that says nothing of itself.
function figure(part, { engines, outbox, soc_c: celsius }) {
  if (part.startsWith("engine.")) return `runs on ${engines[part.slice("engine.".length)] ?? "nothing"}`;
  if (part === "outbox") return outbox ? `${plural(outbox, "event")} to send` : "nothing waits";
  if (part === "temperature" && celsius) return `${Math.round(celsius)} °C`;
  return "as it should be";
}

function partRow({ part, level, why }) {
  const row = document.createElement("div");
  row.dataset.level = level;
  made("dt", row, titled(part));
  made("dd", row, why);
  return row;
}

function showCamera({ part, level, why }) {
  const view = views.get(part.slice("camera.".length));
  if (!view) return;
  view.card.dataset.level = level;
  set(view.find(".why"), level === "ok" ? "" : why);
}

function showFigures(view, { fps, frames, moved, looks, events, stages }) {
  set(view.find(".rate"), fps === null ? "" : `${fps.toFixed(1)} frames/s`);
  set(view.find(".counts"), `${plural(frames, "frame")}: ${number(moved)} moved, ${number(looks)} looked at. ${plural(events, "event")}.`);
  for (const [stage, trend] of stages) showStage(view, stage, trend);
}

function showStage(view, stage, trend) {
  let row = view.stages.get(stage);
  if (!row) {
    row = cloned("stage");
    set(row.querySelector("dt"), stage);
    view.find(".stages").append(row);
    view.stages.set(stage, row);
  }
  set(row.querySelector("dd"), milliseconds(trend.findLast((ms) => ms !== null)));
  row.querySelector("path").setAttribute("d", curve(trend));
}

// A line from the left; where there was nothing to measure it is broken.
function curve(trend) {
  const most = Math.max(...trend.filter((ms) => ms !== null), 1e-6);
  const first = 60 - trend.length;
  return trend
    .map((ms, n) => (ms === null ? "" : `${n && trend[n - 1] !== null ? "L" : "M"}${first + n} ${(1 - ms / most).toFixed(3)}h.01`))
    .join("");
}

// What happened.

function showEvents(events) {
  $("nothing").hidden = events.length > 0;
  $("events").replaceChildren(...events.map(happening));
  newestMs = Math.max(0, ...events.map(({ mono_ms: mono }) => mono));
}

function happening({ at_ms: at, mono_ms: mono, camera, text }) {
  const item = document.createElement("li");
  item.classList.toggle("new", mono > newestMs);
  const when = new Date(at);
  const time = made("time", item, when.toLocaleTimeString("en-GB"));
  time.dateTime = when.toISOString();
  made("b", item, camera || "agent");
  made("span", item, text);
  return item;
}

// The way to the agent: lost and found again without a fuss, and at rest while nobody looks.

const SHOWS = { plan: showPlan, live: showLive, state: showState, events: showEvents };

function connect() {
  source?.close();
  source = new EventSource("/events");
  heardMs = performance.now();
  for (const [kind, show] of Object.entries(SHOWS)) {
    source.addEventListener(kind, (message) => {
      found();
      show(JSON.parse(message.data));
    });
  }
  source.addEventListener("error", lose);
}

function found() {
  heardMs = performance.now();
  knocks = 0;
  if (document.body.dataset.link === "live") return;
  document.body.dataset.link = "live";
  set($("link"), "live");
}

function lose() {
  source?.close();
  source = null;
  if (document.hidden) return;
  document.body.dataset.link = "lost";
  set($("link"), "no connection");
  set($("verdict"), "No connection to the agent");
  set($("summary"), "It may be starting anew, or the network is away. This page tries again by itself.");
  const wait = KNOCK_MS[Math.min(knocks, KNOCK_MS.length - 1)];
  knocks += 1;
  setTimeout(knock, wait);
}

async function knock() {
  if (source || document.hidden) return;
  try {
    const answer = await fetch("/session", { cache: "no-store" });
    if (answer.status === 401) location.assign("/login");
    else connect();
  } catch {
    lose();
  }
}

setInterval(() => {
  if (source && performance.now() - heardMs > SILENT_MS) lose();
}, 1000);

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    knock();
  }
});

connect();
