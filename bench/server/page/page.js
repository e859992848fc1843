// The rig as it stands: asked each two seconds, and each run that goes on by its stream of a message a second.

import { draw, extremes, merge } from "/plot.js";

const API = "/api/v1/";
const $ = (selector, of = document) => of.querySelector(selector);
const stored = (name, value) => {
  try {
    return value === undefined ? sessionStorage.getItem(name) : sessionStorage.setItem(name, value);
  } catch { return null; }
};
let token = stored("token") || "";
let shouted = "";

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
  const answer = await fetch(API + path, { method: body === undefined ? "GET" : "POST", headers, body: body && JSON.stringify(body) });
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

function shout(text) {
  shouted = text;
  $("#shout").textContent = text;
}

// A span as people say it.
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  const two = n => String(n).padStart(2, "0");
  return `${d ? `${d} d ` : ""}${two(h)}:${two(m)}:${two(s % 60)}`;
}

// Enough digits to see a change, and no more.
function shown(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  return size >= 1000 ? value.toFixed(0) : size >= 0.001 ? String(Number(value.toPrecision(6))) : value.toExponential(3);
}

const UNITS = { degC: "°C", uL: "µL", "uL/h": "µL/h" };
const unit = symbol => UNITS[symbol] || symbol;

// ---- stations ----

const stations = new Map();

class Station {
  constructor(name) {
    this.name = name;
    this.article = $("#station-template").content.firstElementChild.cloneNode(true);
    this.article.id = `station-${name}`;
    $("h2", this.article).textContent = `Station ${name}`;
    this.channels = new Map();
    $(".release button", this.article).addEventListener("click", () => this.release());
    $(".prompt", this.article).addEventListener("submit", event => this.answer(event));
    $(".note", this.article).addEventListener("submit", event => this.note(event));
    $("#stations").append(this.article);
  }

  show(view, job) {
    this.view = view;
    const state = view.quarantined ? "quarantined" : view.run ? "running" : view.taken ? "taken" : "free";
    const words = { quarantined: "in quarantine", running: "running", taken: "in use", free: "free" };
    this.article.className = `station ${state}${this.alarmed && view.run ? " alarmed" : ""}`;
    $(".state", this.article).textContent = words[state];
    const of = job ? `job ${job.id}, ${job.scenario}, by ${job.submitter}` : "";
    $(".reason", this.article).textContent = [view.quarantined || view.taken || "", of].filter(Boolean).join(" · ");
    $(".release", this.article).hidden = !view.quarantined;
    this.follow(view.run);
  }

  follow(run) {
    if (run === this.run) return;
    this.source?.close();
    this.run = run;
    this.alarmed = false;
    this.channels.clear();
    for (const part of [".plots", ".told", ".alarms"]) $(part, this.article).replaceChildren();
    $(".run", this.article).hidden = !run;
    this.prompt = null;
    this.ask(null);
    if (!run) return;
    this.source = new EventSource(`${API}runs/${encodeURIComponent(run)}/course`);
    this.source.addEventListener("course", event => this.take(JSON.parse(event.data)));
    this.source.addEventListener("problem", event => shout(`station ${this.name}: ${event.data}`));
    this.source.addEventListener("end", () => this.source.close());
    // What is new is sent from the first on by a stream that begins anew.
    this.source.addEventListener("error", () => { this.channels.clear(); $(".told", this.article).replaceChildren(); });
  }

  take(course) {
    const doing = course.doing;
    const place = doing?.step ? `step ${doing.step} of ${course.steps}: ${doing.name}` : doing?.name ?? "waiting";
    $(".doing", this.article).replaceChildren(`${course.title || this.run} — ${place}`, element("small", doing?.what ?? ""));
    const left = course.left_s;
    $(".left", this.article).textContent = `${span(course.now_s)} run${left === null ? "" : `, ${span(left)} left at least`}`;
    const progress = $("progress", this.article);
    progress.value = left === null ? 0 : course.now_s / (course.now_s + left || 1);
    progress.setAttribute("aria-label", `station ${this.name}: share of the run that is done`);
    const loud = [...course.alarms.map(alarm => `alarm: ${alarm}`), ...Object.entries(course.away).map(([name, why]) => `${name} is away: ${why}`)];
    this.alarmed = loud.length > 0;
    this.article.classList.toggle("alarmed", this.alarmed);
    const list = $(".alarms", this.article);
    if ([...list.children].map(item => item.textContent).join("\n") !== loud.join("\n")) {
      list.replaceChildren(...loud.map(text => element("li", text)));
      if (loud.length) shout(`station ${this.name}: ${loud.join("; ")}`);
      else if (shouted.startsWith(`station ${this.name}:`)) shout("");
    }
    this.ask(course.prompt, course.now_s);
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
    of.value.textContent = part.status === "ok" ? text : `${text} (${part.status})`;
    of.figure.classList.toggle("stale", part.status === "overload" || now_s - part.at_s > 60);
    const limits = extremes(of.kept);
    const between = limits ? `, between ${shown(limits[0])} and ${shown(limits[1])} since the run began` : "";
    of.canvas.setAttribute("aria-label", `${name}: ${text}${between}`);
    requestAnimationFrame(() => draw(of.canvas, of.kept, now_s));
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
    shout(`station ${this.name} asks: ${prompt.instruction}`);
  }

  async answer(event) {
    event.preventDefault();
    if (!named()) return;
    const form = event.target;
    const entries = this.prompt.entries.map(entry => {
      const typed = $(`[name="${CSS.escape(entry.name)}"]`, form).value.trim();
      const value = entry.unit && /^[-+.\deE]+$/.test(typed) ? `${typed} ${entry.unit}` : typed;
      return this.prompt.entries.length > 1 || value.includes("=") ? `${entry.name}=${value}` : value;
    });
    await this.say(form, "answers", { prompt: this.prompt.name, value: entries.join(", "), by: who() });
    if (shouted.startsWith(`station ${this.name} asks`)) shout("");
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

function rows(table, all, none) {
  const columns = $("thead tr", table).children.length;
  const body = all.length ? all.map(cells => {
    const row = element("tr");
    row.append(...cells.map(cell => {
      const made = element("td");
      made.append(...[cell].flat().map(part => part instanceof Node ? part : document.createTextNode(part ?? "")));
      return made;
    }));
    return row;
  }) : [element("tr")];
  if (!all.length) body[0].append(element("td", none, { colspan: columns, class: "none" }));
  $("tbody", table).replaceChildren(...body);
}

const moment = text => text ? new Date(text).toLocaleString() : "";

function queue(jobs) {
  const focused = document.activeElement?.dataset?.job;
  rows($("#queue"), jobs.map(job => {
    const cancel = element("button", "Cancel", { type: "button", "data-job": job.id, "aria-label": `Cancel job ${job.id}` });
    cancel.addEventListener("click", async () => {
      if (!named() || !confirm(`Cancel job ${job.id}, ${job.scenario}?`)) return;
      await ask(`jobs/${job.id}/cancel`, { by: who() }).catch(why => shout(why.message));
      look();
    });
    const state = [job.cancelled_by ? "is being cancelled" : job.state, ...(job.reason ? [element("small", job.reason)] : [])];
    return [String(job.id), job.scenario, job.station, job.submitter, state, job.cancelled_by ? "" : cancel];
  }), "nothing waits");
  if (focused) $(`#queue [data-job="${focused}"]`)?.focus();
}

function past(jobs) {
  rows($("#past"), jobs.map(job => {
    const runs = job.runs.map(run => element("div", run.verdict ?? "interrupted", { class: run.verdict ?? "error" }));
    const reports = job.runs.map(run => {
      const line = element("div");
      const href = `${API}runs/${encodeURIComponent(run.run)}/files/report.html`;
      line.append(element("a", run.run, { href, target: "_blank", rel: "noopener" }));
      return line;
    });
    const verdict = [...(runs.length ? runs : ["no run"]), ...(job.reason ? [element("small", job.reason)] : [])];
    return [moment(job.ended), job.scenario, job.station, job.submitter, verdict, reports];
  }), "nothing has run yet");
}

function health(rig) {
  const today = new Date().toISOString().slice(0, 10);
  const soon = new Date(Date.now() + 30 * 86400e3).toISOString().slice(0, 10);
  rows($("#health"), rig.instruments.map(of => {
    const due = !of.due ? "" : element("span", of.due, { class: of.due < today ? "bad" : of.due < soon ? "doubt" : "good" });
    if (due) due.append(of.due < today ? " overdue" : of.due < soon ? " soon" : "");
    return [of.station, of.instrument, of.driver, of.port, of.certificate ?? "none given", due];
  }), "no instruments");
}

// ---- the whole ----

let asking = false;

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
    queue(jobs.open);
    past(jobs.ended);
    linked("connected");
  } catch (why) {
    if (why.status === 401) await wanted(why.message);
    else linked(why.status ? why.message : "the daemon does not answer; what is shown is old", true);
  } finally {
    asking = false;
  }
}

function linked(text, broken = false) {
  const link = $("#link");
  link.classList.toggle("broken", broken);
  if (link.textContent !== text) link.textContent = text;
}

// The token as a cookie for streams and links, and kept for what changes anything.
async function begin() {
  if (token) await ask("session", {});
}

function wanted(why) {
  linked("a token is wanted", true);
  $("#token-wrong").textContent = token ? why : "";
  const dialog = $("#token-dialog");
  if (!dialog.open) dialog.showModal();
  return new Promise(done => dialog.addEventListener("close", async () => {
    token = $("#token").value.trim();
    stored("token", token);
    $("#token").value = "";
    await begin().catch(() => {});
    done();
    setTimeout(look);
    setTimeout(rig);
  }, { once: true }));
}

const rig = () => ask("rig").then(health, () => {});

$("#who").value = stored("who") || "";
$("#who").addEventListener("change", () => stored("who", who()));
$("#token-change").addEventListener("click", () => wanted(""));
setInterval(() => { $("#clock").textContent = new Date().toLocaleTimeString(); }, 1000);
await begin().catch(() => {});
await look();
rig();
setInterval(look, 2000);
setInterval(rig, 600000);
