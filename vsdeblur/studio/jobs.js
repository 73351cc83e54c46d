// The jobs of vsdeblur studio, and what the server knows, asked again and again.

const start = (kind, more = {}) => guarded(async () => {
  const job = await post("jobs", { kind, file: known.file, settings: settings(), ...more });
  if (kind === "preview") known.asked = job.key;
  await refresh();
});
get("measure").addEventListener("click", start("estimate"));
get("preview").addEventListener("click", (event) => start("preview", { start: Number(get("start").value) })(event));
const restore = (more) => guarded(async () => {
  await start("transcode", { target: get("target").value, ...more })();
  known.own = false;
  await chosen();
});
get("run").addEventListener("submit", restore({}));
get("adapt").addEventListener("click", restore({ adapt: "5min" }));

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
      about = job.remarks.at(-1) || job.output;
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
