// The page of vsdeblur studio: asks its server, which is the same address, and shows what it answers.
"use strict";
const get = (id) => document.getElementById(id);
const known = { files: [], jobs: [], file: null, inspected: {}, previewed: "", own: false };

async function ask(path, options = {}) {
  const answer = await fetch(path, options).catch(() => null);
  if (!answer) throw new Error("vsdeblur studio does not answer any more: start it again");
  const found = await answer.json().catch(() => ({ error: `${answer.status}` }));
  if (!answer.ok) throw new Error(found.error || "refused");
  return found;
}
const post = (path, body = {}) => ask(path, { method: "POST", body: JSON.stringify(body) });
const say = (text) => (get("said").textContent = text);
const guarded = (act) => async (event) => {
  event?.preventDefault?.();
  say("");
  try {
    await act(event);
  } catch (error) {
    say(error.message);
  }
};
function made(name, attributes = {}, ...inside) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...inside);
  return element;
}
function clock(seconds) {
  const whole = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
const size = (bytes) => (bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`);

// Opening

async function select(key) {
  if (known.file !== key) {
    known.file = key;
    known.previewed = "";
    known.own = false;
    location.hash = key;
    for (const id of ["facts", "plots", "table", "estimate", "wrong", "preview-job"]) get(id).replaceChildren();
    get("shown").hidden = true;
  }
  await refresh();
  await chosen();
}
const opened = async (path) => {
  const file = await post("open", { path });
  await select(file.key);
};
get("open").addEventListener("submit", guarded(() => opened(get("path").value)));

function upload(file) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `upload?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = (event) => say(`copying ${file.name}: ${Math.round((100 * event.loaded) / event.total)}%`);
    request.onload = () => {
      const found = JSON.parse(request.responseText || "{}");
      request.status === 200 ? done(found) : fail(new Error(found.error || "refused"));
    };
    request.onerror = () => fail(new Error(`${file.name} could not be copied`));
    request.send(file);
  });
}
const received = async (file) => {
  if (!file) return;
  const there = await upload(file);
  say("");
  await select(there.key);
};
get("chosen").addEventListener("change", guarded(() => received(get("chosen").files[0])));
get("chosen").parentElement.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") get("chosen").click();
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
document.addEventListener("drop", guarded((event) => {
  document.body.classList.remove("dropping");
  return received(event.dataTransfer.files[0]);
}));

async function list(path) {
  const found = await ask(`places?path=${encodeURIComponent(path)}`);
  const rows = [made("p", {}, found.path)];
  const go = (text, where) => made("button", { type: "button", onclick: guarded(() => list(where)) }, text);
  if (found.above) rows.push(go("\u2191 ..", found.above));
  else if (found.places.length > 1) rows.push(...found.places.filter((one) => one !== found.path).map((one) => go(one, one)));
  const separator = found.path.includes("\\") ? "\\" : "/";
  for (const [name, folder] of found.entries) {
    const where = found.path.endsWith(separator) ? found.path + name : found.path + separator + name;
    if (folder) rows.push(go(`${name}${separator}`, where));
    else rows.push(made("button", { type: "button", onclick: guarded(() => picked(where)) }, name));
  }
  if (!found.entries.length) rows.push(made("p", {}, "no videos and no folders"));
  get("listing").replaceChildren(...rows);
}
const picked = async (where) => {
  get("path").value = where;
  show(false);
  await opened(where);
};
function show(open) {
  get("listing").hidden = !open;
  get("browse").setAttribute("aria-expanded", open);
}
get("browse").addEventListener("click", guarded(async () => {
  show(get("listing").hidden);
  if (!get("listing").hidden) await list("");
}));

// Settings

function settings() {
  const found = {};
  for (const field of get("settings").elements) {
    if (field.name) found[field.name] = field.type === "checkbox" ? field.checked : field.value;
  }
  return found;
}
async function chosen() {
  if (!known.file) return;
  const target = known.own ? get("target").value : "";
  try {
    const found = await post("words", { file: known.file, settings: settings(), target });
    get("wrong").textContent = "";
    if (!known.own) get("target").value = found.target;
    get("command").textContent = found.command;
    get("script").textContent = found.script;
  } catch (error) {
    get("wrong").textContent = error.message;
  }
}
let later = 0;
get("settings").addEventListener("input", () => {
  get("estimate").textContent = "";
  clearTimeout(later);
  later = setTimeout(chosen, 200);
});
get("settings").addEventListener("submit", (event) => event.preventDefault());
get("target").addEventListener("input", () => {
  known.own = get("target").value !== "";
  clearTimeout(later);
  later = setTimeout(chosen, 200);
});
get("start").addEventListener("input", () => (get("start-said").textContent = `${Number(get("start").value).toFixed(1)} s`));
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", guarded(async () => {
    const element = get(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(element.textContent);
      say("copied");
    } catch {
      getSelection().selectAllChildren(element);
      say("selected: copy it with Ctrl+C");
    }
  }));
}

// Jobs

const start = (kind, more = {}) => guarded(async () => {
  const job = await post("jobs", { kind, file: known.file, settings: settings(), ...more });
  if (kind === "preview") known.asked = job.key;
  await refresh();
});
get("measure").addEventListener("click", start("estimate"));
get("preview").addEventListener("click", (event) => start("preview", { start: Number(get("start").value) })(event));
get("run").addEventListener("submit", guarded(async () => {
  await start("transcode", { target: get("target").value })();
  known.own = false;
  await chosen();
}));

const RUNNING = ["waiting", "running"];
function jobRow(job) {
  const row = made("div", { className: "job" }, made("span", {}, `${job.title}`));
  const { done, total, seconds, memory } = job.progress;
  if (RUNNING.includes(job.state)) {
    const bar = made("progress", { max: total || 1 });
    bar.setAttribute("aria-label", job.title);
    if (total) bar.value = done;
    row.append(bar);
    const act = guarded(() => post(`jobs/${job.key}/cancel`).then(refresh));
    row.append(made("button", { onclick: act }, "Cancel"));
  } else row.append(made("span", { className: job.state === "cancelled" ? "partial" : job.state }, job.state));
  let about = job.message;
  if (job.state === "running" && total) {
    const left = done ? `, ${clock((seconds * (total - done)) / done)} left` : "";
    about = `${done}/${total} frames${left}, ${size(memory)}`;
  } else if (job.state === "waiting") about = "waits for the job before it";
  else if (job.state === "running") about = job.remarks.at(-1) || "starting";
  if (job.kind === "transcode") {
    if (["failed", "cancelled"].includes(job.state)) {
      const act = guarded(() => post(`jobs/${job.key}/resume`).then(refresh));
      row.append(made("button", { onclick: act }, "Resume"));
      if (job.state === "cancelled") about = "what is finished is kept: Resume goes on from there";
    } else if (job.state === "done") {
      about = `${job.output}${job.remarks.length ? `: ${job.remarks.at(-1)}` : ""}`;
      row.append(made("button", { onclick: guarded(() => compared(job)) }, "Before and after"));
      row.append(made("a", { href: `jobs/${job.key}/output`, download: "" }, "Download"));
    }
  }
  row.append(made("span", { className: "about hint" }, about));
  return row;
}
async function compared(job) {
  const asked = await ask(`jobs/${job.key}/page`);
  known.asked = asked.key;
  await refresh();
}
function framed(key) {
  const frame = get("shown");
  if (known.previewed === key) return;
  known.previewed = key;
  frame.hidden = false;
  frame.src = `jobs/${key}/page`;
}
const fit = () => {
  const inside = get("shown").contentDocument?.documentElement;
  if (inside) get("shown").style.height = `${inside.scrollHeight + 4}px`;
};
get("shown").addEventListener("load", () => {
  fit();
  new ResizeObserver(fit).observe(get("shown").contentDocument.body);
});

function estimated(found) {
  const { work, factor, preset } = found;
  const total = work.seconds === null ? "" : `about ${clock(work.seconds)} for ${work.output_frames} frames, `;
  get("estimate").textContent = `${total}${size(work.peak_bytes)} of memory (factor ${factor}, ${preset})`;
}
async function inspected(job) {
  if (!known.inspected[job.key]) known.inspected[job.key] = await ask(`jobs/${job.key}`);
  const found = known.inspected[job.key];
  if (job.file !== known.file || get("plots").dataset.of === job.key) return;
  get("plots").dataset.of = job.key;
  get("plots").innerHTML = found.plots;
  get("table").innerHTML = found.table;
  const { picture, timing, content, shutter, shutter_from } = found.result;
  const rate = timing.median_ms ? `${(1000 / timing.median_ms).toFixed(2)} fps` : "";
  get("facts").textContent = [
    `${picture.width}x${picture.height}`, rate, timing.seconds ? clock(timing.seconds) : "",
    `${content.cuts.length} cuts`, `motion up to ${content.motion_95.toFixed(1)} pixels per frame`,
    `shutter ${shutter.toFixed(2)} of the frame period (${shutter_from})`,
  ].filter(Boolean).join(" \u00b7 ");
  get("start").max = Math.max((timing.seconds || 0) - 2, 0).toFixed(1);
  if (!get("estimate").textContent) estimated(found.result);
  await chosen();
}

// What the server knows, again and again: jobs of other tabs too

let asking = null;
async function refresh() {
  const state = await ask("state");
  Object.assign(known, state);
  const files = known.files.map((file) => {
    const button = made("button", { type: "button", title: file.path, onclick: guarded(() => select(file.key)) }, file.name);
    button.setAttribute("aria-pressed", file.key === known.file);
    return button;
  });
  replaced(get("files"), files);
  const here = known.jobs.filter((job) => job.file === known.file);
  get("work").hidden = !known.file;
  const looked = here.findLast((job) => job.kind === "inspect");
  if (looked?.state === "done") await inspected(looked);
  else if (looked) get("facts").textContent = looked.state === "failed" ? looked.message : `${looked.title} ...`;
  get("facts").classList.toggle("failed", looked?.state === "failed");
  const estimate = here.findLast((job) => job.kind === "estimate");
  if (estimate && RUNNING.includes(estimate.state)) get("estimate").textContent = "measuring ...";
  else if (estimate && known.measured !== estimate.key) {
    known.measured = estimate.key;
    if (estimate.state === "done") estimated((await ask(`jobs/${estimate.key}`)).result);
    else get("estimate").textContent = estimate.message;
  }
  const previews = here.filter((job) => ["preview", "compare"].includes(job.kind));
  const latest = previews.at(-1);
  replaced(get("preview-job"), latest && latest.state !== "done" ? [jobRow(latest)] : []);
  const ready = previews.findLast((job) => job.state === "done");
  if (ready) framed(ready.key);
  const rows = known.jobs.filter((job) => job.kind === "transcode").map(jobRow).reverse();
  replaced(get("jobs"), rows.length ? rows : [made("p", { className: "hint" }, "none yet")]);
}
// Only where something changed, so that the focus of the keyboard stays.
function replaced(element, children) {
  const next = made("div", {}, ...children);
  if (element.innerHTML !== next.innerHTML) {
    const focused = [...element.querySelectorAll("button, a")].indexOf(document.activeElement);
    element.replaceChildren(...next.childNodes);
    if (focused >= 0) element.querySelectorAll("button, a")[focused]?.focus();
  }
}
async function poll() {
  try {
    await refresh();
    if (asking) say("");
    asking = null;
  } catch (error) {
    asking = error;
    say(error.message);
  }
  const busy = known.jobs.some((job) => RUNNING.includes(job.state));
  setTimeout(poll, document.hidden ? 5000 : busy ? 500 : 2000);
}
ask("state").then(async (state) => {
  Object.assign(known, state);
  const wanted = location.hash.slice(1);
  const first = state.files.find((file) => file.key === wanted) || state.files.at(-1);
  if (first) await select(first.key);
}).catch((error) => say(error.message)).finally(poll);
