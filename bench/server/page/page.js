// The rig as it stands, asked each two seconds; and the runs that go on, over one stream of a message a second for each.

import { draw, extremes, merge } from "/plot.js";

const API = "/api/v1/";
const $ = (selector, of = document) => of.querySelector(selector);
const stored = (name, value) => {
  try {
    return value === undefined ? sessionStorage.getItem(name) : sessionStorage.setItem(name, value);
  } catch { return null; }
};
let token = stored("token") || "";

// An element with its text and attributes; texts of others are only ever texts.
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

async function ask(path, body) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["content-type"] = "application/json";
  const method = body === undefined ? "GET" : "POST";
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(20000) });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail || answer.statusText), { status: answer.status });
}

// Who asks, by his own word; the record keeps it.
const who = () => $("#who").value.trim();

function named() {
  if (who()) return true;
  $("#who").focus();
  shout("say who you are first, at the foot of the page");
  return false;
}

// What was done here and did not work; the next thing that is done clears it.
function shout(text) {
  $("#wrong").textContent = text;
}

// What is open now at any station: said when it comes, and gone when it goes.
function alarm() {
  const open = [...stations.values()].flatMap(station => station.open().map(text => `station ${station.name}: ${text}`));
  const text = open.join(" · ");
  if ($("#shout").textContent !== text) $("#shout").textContent = text;
}

// A span as people say it.
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  const two = n => String(n).padStart(2, "0");
  return `${d ? `${d} d ` : ""}${two(h)}:${two(m)}:${two(s % 60)}`;
}

// A run time below a plot, where there is little room.
const time = seconds => seconds === 0 ? "0" : seconds < 86400 ? span(seconds) : span(seconds).slice(0, -3);

// Enough digits to see a change, and no more.
function shown(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  return size >= 1000 ? value.toFixed(0) : size >= 0.001 ? String(Number(value.toPrecision(6))) : value.toExponential(3);
}

// What was typed for a quantity: its only comma is a decimal one, and a bare number is in the unit that is asked for.
function quantity(typed, unit) {
  const point = typed.replace(/^([-+]?\d*),(\d+)(?![\d.,])/, "$1.$2");
  return /^[-+.\deE]+$/.test(point) ? `${point} ${unit}` : point;
}

const UNITS = { degC: "°C", uL: "µL", "uL/h": "µL/h" };
const unit = symbol => UNITS[symbol] || symbol;

// ---- stations ----

const stations = new Map();
// Readings and records that are older are marked: the slowest instruments of a rig are read each ten seconds.
const OLD_S = 60;
// A run's news come each second: where none have come for so long, nothing will over that connection, whatever the browser thinks.
const SILENT_S = 15;
// Seconds that only go on: nobody sets this clock.
const clock = () => performance.now() / 1000;

// Plots are drawn once a frame, whatever has come, and not where nobody sees them.
const unpainted = new Set();

function paint(plot) {
  if (unpainted.size === 0) requestAnimationFrame(() => {
    for (const { canvas, kept, now_s } of unpainted) {
      const from_s = begins(now_s);
      draw(canvas, kept, from_s, now_s, [from_s, now_s].map(time));
    }
    unpainted.clear();
  });
  unpainted.add(plot);
}

// Whether plots show the last hour or the whole run; there is something to choose where a run is longer.
const HOUR_S = 3600;
let lately = stored("reach") === "hour";
const begins = now_s => lately ? Math.max(0, now_s - HOUR_S) : 0;

function reach() {
  $("#reach").hidden = ![...stations.values()].some(station => station.run && station.now_s > HOUR_S);
  for (const button of $("#reach").children) button.setAttribute("aria-pressed", String((button.dataset.reach === "hour") === lately));
}

const repaint = () => stations.forEach(station => station.channels.forEach(paint));

// One stream for all runs: a browser has few connections to a host.
let source = null;
let streamed = "";
// When news last came, or began to be waited for; when the stream was begun; whether nothing has come for too long.
let heard_s = 0;
let begun_s = 0;
let silent = false;

function stream() {
  const wanted = [...stations.values()].map(station => station.run).filter(Boolean).join(",");
  if (wanted !== streamed) {
    heard_s = clock();
    silent &&= Boolean(wanted);
  }
  if (wanted !== streamed || source?.readyState === EventSource.CLOSED) listen(wanted);
}

// The old one is closed first: it may hold a connection that is dead.
function listen(wanted) {
  source?.close();
  streamed = wanted;
  source = null;
  if (!wanted) return;
  begun_s = clock();
  stations.forEach(station => { station.anew = true; });
  const begun = source = new EventSource(`${API}courses?runs=${encodeURIComponent(wanted)}`);
  begun.addEventListener("course", event => {
    if (source !== begun) return;
    heard_s = clock();
    silent = false;
    linked();
    const course = JSON.parse(event.data);
    for (const station of stations.values()) if (station.run === course.run) station.take(course);
  });
  // It asks again by itself, or is begun anew at the next look where it was refused.
  begun.addEventListener("error", () => stations.forEach(station => { station.anew = true; }));
}

// A connection may die without a word: then it is given up, and the page says that nothing comes.
function listened() {
  if (streamed) {
    silent ||= clock() - heard_s > SILENT_S;
    if (clock() - Math.max(heard_s, begun_s) > SILENT_S) listen(streamed);
    linked();
  }
  stations.forEach(station => station.age());
}

class Station {
  constructor(name) {
    this.name = name;
    this.article = $("#station-template").content.firstElementChild.cloneNode(true);
    this.article.id = `station-${name}`;
    this.article.setAttribute("aria-label", `Station ${name}`);
    $("h2", this.article).textContent = `Station ${name}`;
    this.channels = new Map();
    this.loud = [];
    this.now_s = 0;
    $(".release button", this.article).addEventListener("click", () => this.release());
    $(".prompt", this.article).addEventListener("submit", event => this.answer(event));
    $(".note", this.article).addEventListener("submit", event => this.note(event));
    $("#stations").append(this.article);
  }

  show(view, job) {
    this.view = view;
    const words = { quarantined: "in quarantine", running: "running", taken: "in use", free: "free" };
    this.article.className = `station ${view.state}${this.loud.length ? " alarmed" : ""}`;
    $(".state", this.article).textContent = words[view.state];
    const of = job ? `job ${job.id}, ${job.scenario}, by ${job.submitter}` : "";
    $(".reason", this.article).textContent = [view.quarantined || view.taken || "", of].filter(Boolean).join(" · ");
    $(".release", this.article).hidden = !view.quarantined;
    this.follow(view.run);
  }

  follow(run) {
    if (run === this.run) return;
    this.run = run;
    this.loud = [];
    this.trouble = "";
    this.now_s = 0;
    this.seen_s = clock();
    this.silent_s = 0;
    this.clear();
    this.age();
    reach();
    $(".alarms", this.article).replaceChildren();
    $(".run", this.article).hidden = !run;
    this.ask(null);
    alarm();
  }

  // A stream that begins anew sends all that there is; until it does, what was there stays.
  clear() {
    this.anew = false;
    this.channels.clear();
    for (const part of [".plots", ".told"]) $(part, this.article).replaceChildren();
  }

  // What must not be overlooked now.
  open() {
    return [...this.loud, ...(this.prompt ? [`asks: ${this.prompt.instruction}`] : []), ...(this.trouble ? [this.trouble] : [])];
  }

  // What is shown may be old: the run's record has not grown, or nothing has come from the daemon.
  age() {
    const unheard_s = clock() - this.seen_s;
    const old_s = this.silent_s + unheard_s;
    const said = $(".old", this.article);
    if (!this.run || (unheard_s <= SILENT_S && old_s <= OLD_S)) {
      if (said.hasChildNodes()) said.replaceChildren();
      return;
    }
    // It is said once to whoever hears the page; for how long is only seen.
    if (!said.hasChildNodes()) said.append("nothing new", element("span", "", { "aria-hidden": "true" }), "; what is shown is old");
    $("span", said).textContent = ` for ${span(old_s)}`;
  }

  take(course) {
    if (this.anew) this.clear();
    this.seen_s = clock();
    this.silent_s = course.silent_s ?? 0;
    this.now_s = course.now_s;
    this.trouble = course.trouble ?? "";
    this.age();
    reach();
    const doing = course.doing;
    const place = doing?.step ? `step ${doing.step} of ${course.steps}: ${doing.name}` : doing?.name ?? "waiting";
    $(".doing", this.article).replaceChildren(`${course.title || this.run} — ${place}`, element("small", doing?.what ?? ""));
    const left = course.left_s;
    $(".left", this.article).textContent = `${span(course.now_s)} run${left === null ? "" : `, ${span(left)} left at least`}`;
    const progress = $("progress", this.article);
    progress.value = left === null ? 0 : course.now_s / (course.now_s + left || 1);
    progress.setAttribute("aria-label", `station ${this.name}: share of the run that is done`);
    const why = Object.entries(course.away).map(([name, why]) => `${name} is away: ${why}`);
    this.loud = [...course.alarms.map(alarm => `alarm: ${alarm}`), ...Object.keys(course.away).map(name => `${name} is away`)];
    this.article.classList.toggle("alarmed", this.loud.length > 0);
    const list = $(".alarms", this.article);
    const listed = [...course.alarms.map(alarm => `alarm: ${alarm}`), ...why];
    if ([...list.children].map(item => item.textContent).join("\n") !== listed.join("\n")) {
      list.replaceChildren(...listed.map(text => element("li", text)));
    }
    this.ask(course.prompt, course.now_s);
    alarm();
    const told = $(".told", this.article);
    for (const { at_s, text, loud } of course.told) {
      const item = element("li", null, loud ? { class: "loud" } : {});
      item.append(element("time", span(at_s)), element("span", text));
      told.prepend(item);
    }
    while (told.children.length > 200) told.lastElementChild.remove();
    for (const [name, part] of Object.entries(course.channels)) this.plot(name, part, course.now_s);
  }

  plot(name, part, now_s) {
    let of = this.channels.get(name);
    if (!of) {
      const figure = element("figure");
      const caption = element("figcaption");
      const canvas = element("canvas", null, { role: "img" });
      caption.append(element("span", name, { title: name }), element("b"));
      figure.append(caption, canvas);
      of = { figure, canvas, value: $("b", caption) };
      this.channels.set(name, of);
      const before = [...this.channels.keys()].sort();
      const next = this.channels.get(before[before.indexOf(name) + 1]);
      $(".plots", this.article).insertBefore(figure, next?.figure ?? null);
    }
    of.kept = merge(of.kept, part);
    const text = `${shown(part.value)} ${unit(part.unit)}`;
    const old = now_s - part.at_s > OLD_S ? `${span(now_s - part.at_s)} old` : "";
    const said = [part.status === "ok" ? "" : part.status, old].filter(Boolean).join(", ");
    of.value.textContent = said ? `${text} (${said})` : text;
    of.figure.classList.toggle("stale", part.status === "overload" || old !== "");
    const from_s = begins(now_s);
    const limits = extremes(of.kept, from_s);
    const since = from_s > 0 ? "in the last hour" : "since the run began";
    const between = limits ? `, between ${shown(limits[0])} and ${shown(limits[1])} ${since}` : "";
    of.canvas.setAttribute("aria-label", `${name}: ${of.value.textContent}${between}`);
    of.now_s = now_s;
    paint(of);
  }

  ask(prompt, now_s) {
    const form = $(".prompt", this.article);
    form.hidden = !prompt;
    if (!prompt) { this.prompt = null; return; }
    $(".until", form).textContent = `${span(prompt.until_s - now_s)} left to answer`;
    if (this.prompt?.name === prompt.name) return;
    this.prompt = prompt;
    $(".instruction", form).textContent = prompt.instruction;
    $(".wrong", form).textContent = "";
    $(".entries", form).replaceChildren(...prompt.entries.map(entry => {
      const label = element("label", `${entry.name} `);
      const range = entry.unit && entry.low !== null ? `${shown(entry.low)} to ${shown(entry.high)} ${unit(entry.unit)}` : "";
      label.append(element("input", null, { name: entry.name, required: "", autocomplete: "off" }), element("small", ` ${range}`));
      return label;
    }));
  }

  async answer(event) {
    event.preventDefault();
    if (!named()) return;
    const form = event.target;
    const entries = this.prompt.entries.map(entry => {
      const typed = $(`[name="${CSS.escape(entry.name)}"]`, form).value.trim();
      return [entry.name, entry.unit ? quantity(typed, entry.unit) : typed];
    });
    const answer = entries.length ? { entries: Object.fromEntries(entries) } : { value: "" };
    await this.say(form, "answers", { prompt: this.prompt.name, ...answer, by: who() });
  }

  async note(event) {
    event.preventDefault();
    if (!named()) return;
    const input = $("input", event.target);
    if (await this.say(event.target, "notes", { text: input.value.trim(), by: who() })) input.value = "";
  }

  async say(form, what, body) {
    const wrong = $(".wrong", form);
    try {
      await ask(`runs/${encodeURIComponent(this.run)}/${what}`, body);
      wrong.textContent = "";
      return true;
    } catch (why) {
      wrong.textContent = why.message;
      return false;
    }
  }

  async release() {
    if (!named()) return;
    const because = prompt(`Station ${this.name}: what have you found?`);
    if (!because?.trim()) return;
    await ask(`stations/${encodeURIComponent(this.name)}/release`, { by: who(), because }).catch(why => shout(why.message));
    look();
  }
}

// ---- tables ----

// Fills a table, each row with its key, and leaves alone what has not changed: whoever reads it or is about to press a button keeps
// his place.
function rows(table, all, none) {
  const body = $("tbody", table);
  const held = body.contains(document.activeElement) ? document.activeElement : null;
  const at = held?.closest("tr");
  const place = [...body.children].indexOf(at);
  const known = new Map([...body.children].map(row => [row.dataset.key, row]));
  const made = all.map(([key, ...cells]) => row(key, cells));
  if (!made.length) {
    made.push(element("tr", null, { "data-key": "none" }));
    made[0].append(element("td", none, { colspan: $("thead tr", table).children.length, class: "none" }));
  }
  const now = made.map(row => {
    const is = known.get(row.dataset.key);
    if (!is) return row;
    [...row.children].forEach((cell, i) => { if (!is.children[i].isEqualNode(cell)) is.children[i].replaceWith(cell); });
    return is;
  });
  for (const row of known.values()) if (!now.includes(row)) row.remove();
  now.forEach((row, i) => { if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null); });
  if (!held || document.activeElement === held) return;
  // The same control, made anew or moved; else the row where it was, or the one that has come there.
  const same = held.isConnected ? held : [...body.querySelectorAll("a, button")].find(control => control.isEqualNode(held));
  const instead = same ?? (at.isConnected ? at : now[Math.min(place, now.length - 1)]);
  if (!same) instead.tabIndex = -1;
  instead.focus({ preventScroll: true });
}

function row(key, cells) {
  const made = element("tr", null, { "data-key": key });
  made.append(...cells.map(cell => {
    const made = element("td");
    made.append(...[cell].flat().map(part => part instanceof Node ? part : document.createTextNode(part ?? "")));
    return made;
  }));
  return made;
}

const moment = text => text ? new Date(text).toLocaleString() : "";

function queue(jobs) {
  rows($("#queue"), jobs.map(job => {
    const cancel = element("button", "Cancel", { type: "button", "data-job": job.id, "aria-label": `Cancel job ${job.id}` });
    cancel.addEventListener("click", async () => {
      if (!named() || !confirm(`Cancel job ${job.id}, ${job.scenario}?`)) return;
      await ask(`jobs/${job.id}/cancel`, { by: who() }).catch(why => shout(why.message));
      look();
    });
    const small = [made(job), job.reason].filter(Boolean).map(text => element("small", text));
    const state = [job.cancelled_by ? "is being cancelled" : job.state, ...small];
    return [job.id, String(job.id), job.scenario, job.station, job.submitter, state, job.cancelled_by ? "" : cancel];
  }), "nothing waits");
}

// How far a job has got that makes several runs.
function made(job) {
  const over = job.runs.filter(run => run.verdict).length;
  return job.planned > 1 ? `${over} of ${job.planned} runs made` : "";
}

// Who has acknowledged how a job ended that did not pass; until somebody does, others are told of it.
function acknowledgement(job) {
  if (job.acknowledged_by) return [element("small", `acknowledged by ${job.acknowledged_by}`)];
  if (!job.unacknowledged) return [];
  const button = element("button", "Acknowledge", { type: "button", "data-acknowledge": job.id, "aria-label": `Acknowledge how job ${job.id} ended` });
  button.addEventListener("click", async () => {
    if (!named()) return;
    await ask(`jobs/${job.id}/acknowledge`, { by: who() }).catch(why => shout(why.message));
    look();
  });
  return [button];
}

// The runs whose files are there, asked where a run is new, and now and then: a policy removes old ones.
let filed = new Set();
let asked = new Set();
let asked_s = 0;
const FILED_S = 30;

async function file(jobs) {
  const runs = jobs.flatMap(job => job.runs.map(run => run.run));
  if (runs.every(run => asked.has(run)) && clock() - asked_s < FILED_S) return;
  filed = new Set((await ask("runs")).runs);
  asked = new Set(runs);
  asked_s = clock();
}

function past(jobs) {
  rows($("#past"), jobs.map(job => {
    const runs = job.runs.map(run => element("div", run.verdict ?? "interrupted", { class: run.verdict ?? "error" }));
    const reports = job.runs.map(run => {
      const line = element("div");
      // A policy removes nothing but what passed.
      if (run.verdict && !filed.has(run.run)) {
        line.append(run.run, element("small", run.verdict === "pass" ? "removed by the retention policy" : "its files are not there"));
        return line;
      }
      const href = `${API}runs/${encodeURIComponent(run.run)}/files/report.html`;
      line.append(element("a", run.run, { href, target: "_blank", rel: "noopener" }));
      return line;
    });
    const verdict = [...(runs.length ? runs : ["no run"]), ...(job.reason ? [element("small", job.reason)] : []), ...acknowledgement(job)];
    return [job.id, moment(job.ended), job.scenario, job.station, job.submitter, verdict, reports];
  }), "nothing has run yet");
}

function health(rig) {
  const today = new Date().toISOString().slice(0, 10);
  const soon = new Date(Date.now() + 30 * 86400e3).toISOString().slice(0, 10);
  rows($("#health"), rig.instruments.map(of => {
    const how = !of.due ? "" : of.due < today ? "bad" : of.due < soon ? "doubt" : "good";
    const due = (of.due ? [of.due, of.due < today ? "overdue" : of.due < soon ? "soon" : ""] : []).filter(Boolean);
    const said = due.flatMap(text => [element("span", text, { class: how }), " "]);
    return [`${of.station} ${of.instrument}`, of.station, of.instrument, said, of.certificate ?? "none given", of.driver, of.port];
  }), "no instruments");
}

// ---- the whole ----

let asking = false;
let retried = false;

async function look() {
  if (asking) return;
  asking = true;
  try {
    const [status, jobs] = await Promise.all([ask("status"), ask("jobs?ended=20")]);
    $("#rig").textContent = status.rig;
    document.title = `${status.rig} · dosebench`;
    $("#version").textContent = `dosebench ${status.version}`;
    for (const view of status.stations) {
      if (!stations.has(view.station)) stations.set(view.station, new Station(view.station));
      stations.get(view.station).show(view, status.jobs.find(job => job.id === view.job));
    }
    $("#stations").classList.toggle("two", stations.size === 2);
    $("#stations").classList.toggle("many", stations.size > 2);
    stream();
    alarm();
    await file(jobs.ended);
    queue(jobs.open);
    past(jobs.ended);
    linked("connected");
    retried = false;
  } catch (why) {
    // A session ends with the daemon that began it; the token may still hold.
    const again = why.status === 401 && token && !retried && await begin().then(() => true, () => false);
    retried = Boolean(again);
    if (again) setTimeout(look);
    else if (why.status === 401) await wanted(token ? why.message : "");
    else linked(why.status ? why.message : "the daemon does not answer; what is shown is old", true);
  } finally {
    asking = false;
  }
}

// How it stands with the daemon; and nothing is well while its runs' news do not come.
let standing = ["connecting", false];

function linked(...now) {
  if (now.length) standing = now;
  const [text, broken] = silent && !standing[1] ? ["no news of the runs comes; what is shown is old", true] : standing;
  const link = $("#link");
  link.classList.toggle("broken", Boolean(broken));
  if (link.textContent !== text) link.textContent = text;
}

// The token's session as a cookie, for streams and links; without a token there is none any more.
const begin = () => ask("session", {});

let waiting = null;

function wanted(why) {
  linked("a token is wanted", true);
  $("#token-wrong").textContent = why;
  const dialog = $("#token-dialog");
  if (!dialog.open) {
    dialog.returnValue = "";
    dialog.showModal();
  }
  waiting ??= new Promise(done => dialog.addEventListener("close", async () => {
    waiting = null;
    // Who closes it without going on keeps what he had.
    if (dialog.returnValue === "go") {
      token = $("#token").value.trim();
      stored("token", token);
      await begin().catch(() => {});
    }
    $("#token").value = "";
    done();
    setTimeout(look);
    setTimeout(rig);
  }, { once: true }));
  return waiting;
}

const rig = () => ask("rig").then(health, () => {});

$("#who").value = stored("who") || "";
$("#who").addEventListener("change", () => { stored("who", who()); shout(""); });
document.addEventListener("submit", () => shout(""), true);
$("#token-change").addEventListener("click", () => wanted(""));
$("#reach").addEventListener("click", event => {
  const chosen = event.target.dataset.reach;
  if (!chosen) return;
  stored("reach", chosen);
  lately = chosen === "hour";
  reach();
  repaint();
});
addEventListener("resize", repaint);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
setInterval(listened, 1000);
setInterval(() => { $("#clock").textContent = new Date().toLocaleTimeString(); }, 1000);
if (token) await begin().catch(() => {});
await look();
rig();
setInterval(look, 2000);
setInterval(rig, 600000);
