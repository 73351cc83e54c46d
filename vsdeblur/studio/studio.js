// The page of vsdeblur studio: opening clips and choosing settings. It asks its server, which has the same address.
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
