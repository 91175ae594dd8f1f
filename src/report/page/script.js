"use strict";
// The page works without this script but for the line and the zoom. A state can be linked to:
// #slider=30&look=infrared&before=pan&zoom=4
addEventListener("error", (event) => { document.documentElement.dataset.error = event.message; });

(() => {
  const root = document.documentElement;
  const element = (id) => document.getElementById(id);
  const stage = element("stage"), handle = element("handle"), slider = element("slider");
  const most = 16;
  let zoom = 1, x = 0, y = 0;

  function draw() {
    // The picture covers the stage.
    x = Math.min(0, Math.max(x, stage.clientWidth * (1 - zoom)));
    y = Math.min(0, Math.max(y, stage.clientHeight * (1 - zoom)));
    const set = (name, value) => stage.style.setProperty(name, value);
    set("--split", slider.value + "%");
    set("--zoom", zoom);
    set("--x", x + "px");
    set("--y", y + "px");
    stage.classList.toggle("zoomed", zoom > 1);
    // From three screen pixels per pixel on, squares say more than a blur.
    stage.classList.toggle("close", zoom * stage.clientWidth >= 3 * stage.dataset.width);
  }

  // Zooms around a place of the stage, its middle if none is given.
  function zoomTo(wanted, left = stage.clientWidth / 2, top = stage.clientHeight / 2) {
    const next = Math.min(most, Math.max(1, wanted));
    x = left - (left - x) * next / zoom;
    y = top - (top - y) * next / zoom;
    zoom = next;
    draw();
  }

  function choose(name, value) {
    const option = document.querySelector(`input[name="${name}"][value="${value}"]`);
    if (!option) return;
    option.checked = true;
    root.dataset[name] = value;
  }

  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const slideTo = (left) => { slider.value = 100 * left / stage.clientWidth; draw(); };

  // Fingers and the mouse: one on the line, or on a picture that fits, moves the line; one on an enlarged
  // picture moves it; two zoom.
  const down = new Map();
  let sliding = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, place(event));
    sliding = down.size === 1 && (event.target === handle || zoom === 1);
    stage.setPointerCapture(event.pointerId);
    if (sliding && event.pointerType === "mouse") slideTo(place(event)[0]);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...down].find(([id]) => id !== event.pointerId);
    down.set(event.pointerId, now);
    if (other) {
      const distance = ([left, top]) => Math.hypot(left - other[1][0], top - other[1][1]);
      zoomTo(zoom * distance(now) / Math.max(1, distance(before)), (now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2);
    } else if (sliding) {
      slideTo(now[0]);
    } else {
      x += now[0] - before[0];
      y += now[1] - before[1];
      draw();
    }
  });
  const up = (event) => down.delete(event.pointerId);
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("dblclick", (event) => zoomTo(zoom * 2, ...place(event)));
  // A plain wheel scrolls the page; with Ctrl, or two fingers on a trackpad, it zooms.
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomTo(zoom * Math.exp(-event.deltaY / 200), ...place(event));
  }, { passive: false });

  const step = 40;
  const keys = {
    "+": () => zoomTo(zoom * 2), "=": () => zoomTo(zoom * 2), "-": () => zoomTo(zoom / 2), "0": () => zoomTo(1),
    ArrowLeft: () => { x += step; }, ArrowRight: () => { x -= step; }, ArrowUp: () => { y += step; }, ArrowDown: () => { y -= step; },
  };
  stage.addEventListener("keydown", (event) => {
    // An arrow that cannot move the picture scrolls the page.
    if (!keys[event.key] || event.ctrlKey || event.metaKey || (zoom === 1 && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    keys[event.key]();
    draw();
  });
  element("in").addEventListener("click", () => zoomTo(zoom * 2));
  element("out").addEventListener("click", () => zoomTo(zoom / 2));
  element("fit").addEventListener("click", () => zoomTo(1));
  slider.addEventListener("input", draw);
  for (const option of document.querySelectorAll("input[type=radio]")) {
    option.addEventListener("change", () => choose(option.name, option.value));
    if (option.checked) choose(option.name, option.value);
  }
  addEventListener("resize", draw);

  function link() {
    const state = new URLSearchParams(location.hash.slice(1));
    if (state.has("slider")) slider.value = state.get("slider");
    for (const name of ["look", "before"]) if (state.has(name)) choose(name, state.get(name));
    draw();
    if (Number(state.get("zoom")) > 0) zoomTo(Number(state.get("zoom")));
  }
  addEventListener("hashchange", link);
  link();
  root.dataset.ready = "true";
})();
