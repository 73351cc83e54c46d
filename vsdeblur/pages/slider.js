// Before and after under one divider. The medium holds both, one above the other, so that they never drift apart.
"use strict";
const get = (id) => document.getElementById(id);
const medium = get("medium"), canvas = get("canvas"), stage = get("stage"), divider = get("divider");
const map = get("map"); // a third picture under the two, of the right side
const paint = canvas.getContext("2d"), moves = medium.tagName === "VIDEO";
const rate = Number(canvas.dataset.rate), count = Number(canvas.dataset.count);

function draw() {
  const { width, height } = canvas, at = Math.round((width * divider.value) / 1000);
  if (at > 0) paint.drawImage(medium, 0, 0, at, height, 0, 0, at, height);
  const top = map?.checked ? 2 * height : height;
  if (at < width) paint.drawImage(medium, at, top, width - at, height, at, 0, width - at, height);
  paint.fillStyle = "#fff8";
  paint.fillRect(at - 1, 0, 2, height);
}

divider.addEventListener("input", draw);
map?.addEventListener("change", () => {
  get("ways").hidden = !map.checked;
  draw();
});
function follow(event) {
  const box = canvas.getBoundingClientRect();
  divider.value = (1000 * (event.clientX - box.left)) / box.width;
  draw();
}
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  follow(event);
});
canvas.addEventListener("pointermove", (event) => {
  if (event.buttons) follow(event);
});
get("zoom").addEventListener("change", (event) => {
  const zoom = Number(event.target.value);
  canvas.style.width = zoom ? `${canvas.width * zoom}px` : "100%";
  canvas.style.imageRendering = zoom > 1 ? "pixelated" : "auto";
});

if (moves) {
  const place = get("place"), play = get("play"), said = get("said");
  const shown = () => Math.min(Math.floor(medium.currentTime * rate + 0.01), count - 1);
  const refresh = () => {
    if (medium.seeking) return; // the picture is still the one before
    draw();
    place.value = shown();
    said.textContent = `${shown() + 1} / ${count}`;
  };
  const seek = (frame) => {
    medium.pause();
    medium.currentTime = (Math.min(Math.max(frame, 0), count - 1) + 0.5) / rate; // the middle of the frame's time
  };
  const toggle = () => (medium.paused ? medium.play() : medium.pause());
  const each = () => {
    refresh();
    medium.requestVideoFrameCallback(each);
  };
  if (medium.requestVideoFrameCallback) medium.requestVideoFrameCallback(each);
  else medium.addEventListener("timeupdate", refresh);
  medium.addEventListener("seeked", refresh);
  medium.addEventListener("play", () => (play.textContent = "Pause"));
  medium.addEventListener("pause", () => (play.textContent = "Play"));
  play.addEventListener("click", toggle);
  place.addEventListener("input", () => seek(Number(place.value)));
  get("back").addEventListener("click", () => seek(shown() - 1));
  get("on").addEventListener("click", () => seek(shown() + 1));
  get("speed").addEventListener("change", (event) => (medium.playbackRate = Number(event.target.value)));
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body) return; // controls have keys of their own
    if (event.key === " ") toggle();
    else if (event.key === "ArrowLeft") seek(shown() - 1);
    else if (event.key === "ArrowRight") seek(shown() + 1);
    else return;
    event.preventDefault();
  });
  medium.readyState >= 2 ? refresh() : medium.addEventListener("loadeddata", refresh);
  medium.play().catch(() => {}); // where nothing may start by itself, Play does
} else {
  medium.complete ? draw() : medium.addEventListener("load", draw);
}
