// What the page does by itself: sort and filter the table, draw charts when they come near, move
// the slider, show the map of agreement, copy commands, and read the parts that lie beside it.
(() => {
  "use strict";

  const every = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const { specifications, config } = json("charts");

  // --- charts -------------------------------------------------------------------------------

  function draw(element, name, datasets, parameters = {}) {
    const specification = structuredClone(specifications[name]);
    specification.datasets = datasets;
    for (const parameter of specification.params ?? []) {
      if (parameter.name in parameters) parameter.value = parameters[parameter.name];
    }
    // A curve without a single number is no reason to warn: the page says it in words.
    const options = { renderer: "svg", actions: false, config, logLevel: 1 };
    const words = element.getAttribute("aria-label");
    return vegaEmbed(element, specification, options).then((result) => {
      // Vega puts words of its own there; ours say what the chart shows.
      element.setAttribute("role", "img");
      element.setAttribute("aria-label", words);
      element.removeAttribute("aria-roledescription");
      element.querySelector("svg")?.setAttribute("aria-hidden", "true");
      element.style.minHeight = "";
      return result.view;
    });
  }

  // Columns of equal length become rows.
  function rows(columns) {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) =>
      Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  }

  const quantile = (sorted, share) => {
    const at = share * (sorted.length - 1), low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };

  const NAMES = { scratchnet: "scratchnet", keras: "Keras" };

  const drawers = {
    loss: (element, data) => draw(element, "loss", { curves: rows(data.curves) }),
    accuracy: (element, data) => draw(element, "accuracy", { curves: rows(data.curves) }),
    difference: (element, data) => {
      const { difference, envelope = [] } = data.curves;
      const shown = [...difference, ...envelope].filter((value) => value > 0);
      // A curve that is 0 or unbounded everywhere leaves an axis that shows nothing.
      const lowest = Math.min(...shown, Infinity) / 3, highest = Math.max(...shown, 0) * 3;
      const floor = Number.isFinite(lowest) ? lowest : 1e-17;
      const curves = rows(data.curves).map((row) => ({ ...row, floor }));
      return draw(element, "difference", { curves }, { lowest: floor, highest: highest || 1 });
    },
    seconds: (element, data) => {
      const epochs = [], quartiles = [];
      for (const [side, milliseconds] of Object.entries(data.seconds)) {
        milliseconds.forEach((value, i) => epochs.push(
          { side: NAMES[side], milliseconds: value, jitter: ((i * 7) % 11) / 8 - 0.625 }));
        const [low, median, high] = [0.25, 0.5, 0.75].map((s) => quantile(milliseconds, s));
        quartiles.push({ side: NAMES[side], low, median, high });
      }
      return draw(element, "seconds", { epochs, quartiles });
    },
    accuracies: (element, data) => {
      const values = data.trials.flatMap((trial) => [trial.scratchnet, trial.keras]);
      const room = 0.05 * (Math.max(...values) - Math.min(...values)) || 0.05;
      const lowest = Math.max(0, Math.min(...values) - room);
      const highest = Math.min(1, Math.max(...values) + room);
      const diagonal = [lowest, highest].map((end) => ({ keras: end, scratchnet: end }));
      return draw(element, "accuracies", { trials: data.trials, diagonal }, { lowest, highest });
    },
    speeds: (element, data) => draw(element, "speeds", { trials: data.speeds, equal: [{ ratio: 1 }] }),
    ratios: (element, data) => {
      specifications.ratios.height = 22 * data.ratios.length;
      return draw(element, "ratios", { trials: data.ratios, equal: [{ ratio: 1 }] });
    },
    crossover: (element, data) => draw(element, "crossover", data.crossover),
  };

  // --- decision boundaries ------------------------------------------------------------------

  function planeData(data, side, index) {
    const { looks, samples, colours } = data.boundary;
    const look = looks[index];
    const drawn = side === "difference"
      ? [["keras", "#ffffff", [1, 0]], ["scratchnet", "#ff9d5c", [5, 4]]]
      : [[side, "#111111", [1, 0]]];
    const lines = drawn.flatMap(([from, colour, dash]) => look.lines[from].flatMap((line, number) =>
      line.map(([x, y], order) => ({ x, y, order, line: from + number, colour, dash }))));
    return {
      picture: [{ url: look.pictures[side] }],
      lines,
      samples: side === "difference" ? [] : samples.map(([x, y, label]) =>
        ({ x, y, class: label % 6, colour: colours[Math.min(label, colours.length - 1)] })),
    };
  }

  function planes(figure, data) {
    const slider = figure.querySelector("input[type=range]");
    const output = figure.querySelector("output"), said = figure.querySelector("[role=status]");
    const [left, right, bottom, top] = data.boundary.extent;
    const drawn = every("[data-side]", figure).map((element) => {
      const side = element.dataset.side, words = element.getAttribute("aria-label");
      const start = planeData(data, side, Number(slider.value));
      return draw(element, "plane", start, { left, right, bottom, top }).then((view) => (index) => {
        const look = data.boundary.looks[index];
        element.setAttribute("aria-label", side === "difference"
          ? `${words} after ${look.epoch} epochs: ${look.said}.`
          : `${words} after ${look.epoch} epochs, with the held-out samples.`);
        for (const [name, values] of Object.entries(planeData(data, side, index))) {
          view.data(name, values);
        }
        return view.runAsync();
      });
    });
    const show = () => {
      const index = Number(slider.value), look = data.boundary.looks[index];
      output.textContent = look.epoch.toLocaleString("en");
      slider.setAttribute("aria-valuetext", `after ${look.epoch} epochs`);
      said.textContent = `After ${look.epoch.toLocaleString("en")} epochs ${look.said}.`;
      return Promise.all(drawn).then((updates) => Promise.all(updates.map((to) => to(index))));
    };
    slider.addEventListener("input", show);
    const button = figure.querySelector(".play");
    let timer = 0;
    const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (slider.value === slider.max) slider.value = -1;
      button.textContent = "Pause";
      const next = () => {
        slider.value = Number(slider.value) + 1;
        show();
        if (slider.value === slider.max) stop();
      };
      if (slider.value === slider.max) slider.value = 0; else show();
      timer = setInterval(next, 700);
    });
    return show();
  }

  // --- the map of agreement -----------------------------------------------------------------

  const VERDICTS = ["identical", "rounding", "chaos", "undecidable", "divergent"];
  const LIMITS = { share: [0, 0.01, 0.1, 0.5], ulps: [0, 1, 10, 1000] };
  const number = (value) => value >= 1e300 ? "∞" : value === 0 ? "0"
    : value >= 1000 || value < 0.001 ? value.toExponential(0).replace("e+", "e")
    : String(Number(value.toPrecision(2)));
  const percent = (value) => value >= 1e300 ? "∞" : value === 0 ? "0"
    : value < 0.001 ? "<0.1 %" : value >= 10 ? `${number(value)} ×` : `${Number((100 * value).toPrecision(2))} %`;

  function agreement(figure, data) {
    const chosen = (name) => figure.querySelector(`[name^=${name}-]:checked`)?.value;
    const show = () => {
      const measure = chosen("measure"), all = figure.querySelector("[name^=all-]")?.checked ?? false;
      const mode = data.modes[chosen("mode")] ? chosen("mode") : Object.keys(data.modes)[0];
      const map = data.modes[mode];
      const shown = map.rows.filter((row) => all || /gradient$|^loss$/.test(row.tensor)
        || row.verdicts.includes(VERDICTS.indexOf("divergent")));
      const table = document.createElement("table");
      const caption = table.createCaption();
      caption.className = "hidden";
      caption.textContent = (measure === "share" ? "Difference as a share of its bound"
        : "Difference in units in the last place") + ", tensors by training steps";
      const head = table.createTHead().insertRow();
      head.append(heading("col", all ? "at step" : "gradient of, at step"));
      map.steps.forEach((step) => head.append(heading("col", step.toLocaleString("en"))));
      let body, layer;
      for (const row of shown) {
        if (row.layer !== layer) {
          layer = row.layer;
          body = table.createTBody();
          const title = heading("rowgroup", layer);
          title.colSpan = map.steps.length + 1;
          title.className = "layer";
          body.insertRow().append(title);
        }
        const line = body.insertRow();
        line.append(heading("row", called(row.tensor, all)));
        row[measure].forEach((value, i) => cell(line.insertCell(), row, i, value, measure, mode, map));
      }
      figure.querySelector(".map").replaceChildren(table);
    };
    const called = (tensor, all) => (all ? tensor : tensor.replace("_gradient", ""))
      .replace("pre_activation", "pre-activation").replaceAll("_", " ");
    const cell = (td, row, i, value, measure, mode, map) => {
      const verdict = VERDICTS[row.verdicts[i]];
      if (!verdict) { td.textContent = "·"; td.className = "empty"; return; }
      td.textContent = value === null ? "n/a" : measure === "share" ? percent(value) : number(value);
      td.title = `${row.layer} ${row.tensor} at step ${map.steps[i]}: ${verdict}`;
      td.className = `heat-${LIMITS[measure].filter((limit) => value > limit).length}`;
      if (verdict === "divergent") { td.className = "beyond"; td.append(" ≠"); }
      if (verdict === "undecidable") { td.classList.add("kink"); td.append(" ?"); }
      const first = data.first;
      if (first && first.mode === mode && first.step === map.steps[i]
          && first.layer === row.layer && first.tensor === row.tensor) {
        td.classList.add("first");
        td.append(" first");
      }
    };
    const heading = (scope, text) => {
      const th = document.createElement("th");
      th.scope = scope;
      th.textContent = text;
      return th;
    };
    figure.addEventListener("change", show);
    show();
  }

  // --- parts --------------------------------------------------------------------------------

  const waiting = new Map();  // elements that are not drawn yet, and how to draw them

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) drawNow(entry.target);
  }, { rootMargin: "600px" });

  function drawLater(element, how) {
    waiting.set(element, how);
    near.observe(element);
  }

  function drawNow(element) {
    const how = waiting.get(element);
    waiting.delete(element);
    near.unobserve(element);
    return how ? how() : undefined;
  }

  function prepare(part, data) {
    every(".chart:not([data-side])", part).forEach((element) =>
      drawLater(element, () => drawers[element.dataset.chart](element, data)));
    every(".planes", part).forEach((figure) => drawLater(figure, () => planes(figure, data)));
    every(".agreement", part).forEach((figure) => agreement(figure, data.agreement));
    every(".copy", part).forEach((button) => button.addEventListener("click", () => copy(button)));
  }

  const scripts = new Map();  // what is to be done with a part that is being read

  // The files beside the page call this with what they hold.
  window.receivePart = (name, html, data) => scripts.get(name)?.(html, data);

  function unfold(part) {
    const { source, trial } = part.dataset;
    if (!source || scripts.has(trial)) return;
    const body = part.querySelector(".body");
    body.textContent = "Reading …";
    scripts.set(trial, (html, data) => {
      body.innerHTML = html;
      prepare(part, data);
    });
    const script = document.createElement("script");
    script.src = source;
    script.onerror = () => { body.textContent = `${source} cannot be read: it lies beside this page.`; };
    document.head.append(script);
  }

  for (const part of every(".trial")) {
    const own = part.querySelector(":scope > script");
    if (own) prepare(part, JSON.parse(own.textContent));
    else if (!part.dataset.source) prepare(part, {});
    part.addEventListener("toggle", () => { if (part.open) unfold(part); });
  }

  const acrossData = json("across");
  every("main > section > .figures .chart, main > section > figure .chart").forEach((element) =>
    drawLater(element, () => drawers[element.dataset.chart](element, acrossData)));

  // What is unfolded is drawn bit by bit while nothing else happens, so that it is there in print.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  (function next() {
    const element = [...waiting.keys()].find((candidate) => candidate.offsetParent !== null);
    if (element) Promise.resolve(drawNow(element)).finally(() => idle(next));
  })();

  function follow() {
    const part = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!part?.classList.contains("trial")) return;
    part.open = true;
    part.scrollIntoView();
    part.querySelector("summary").focus({ preventScroll: true });
  }
  window.addEventListener("hashchange", follow);
  follow();

  // --- the table of trials ------------------------------------------------------------------

  const table = document.getElementById("trials");
  if (table) {
    const body = table.tBodies[0], lines = [...body.rows];
    const text = new Map(lines.map((line) => [line, line.textContent.toLowerCase()]));
    const find = document.getElementById("find");
    const selects = every(".filters select");
    const filter = () => {
      const sought = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const line of lines) {
        line.hidden = !(sought.every((word) => text.get(line).includes(word))
          && selects.every((select) => !select.value || line.dataset[select.id] === select.value));
        if (!line.hidden) count += 1;
      }
      document.getElementById("shown").textContent = `${count} of ${lines.length} trials`;
    };
    find.addEventListener("input", filter);
    selects.forEach((select) => select.addEventListener("change", filter));
    table.closest("section").querySelector("form").addEventListener("submit", (event) => event.preventDefault());

    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", (event) => {
      const kind = event.currentTarget.dataset.kind;
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (line) => {
        const cell = line.cells[column];
        if (kind === "text") return cell.textContent.trim();
        return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
      };
      const keyed = lines.map((line) => [value(line), line]);
      keyed.sort(([a], [b]) => {
        if (kind === "text") return (up ? 1 : -1) * a.localeCompare(b, "en", { numeric: true });
        // What has no figure stands last either way.
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
        return up ? a - b : b - a;
      });
      body.append(...keyed.map(([, line]) => line));
    }));
  }

  // --- small things -------------------------------------------------------------------------

  function copy(button) {
    const code = button.parentElement.querySelector("code");
    const done = () => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    };
    const byHand = () => {
      // Where a page from the disk may not use the clipboard, an older way often works.
      getSelection().selectAllChildren(code);
      if (document.execCommand("copy")) done();
    };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, byHand);
    else byHand();
  }

  window.addEventListener("beforeprint", () => {
    every(".trial:not([data-source])").forEach((part) => { part.open = true; });
  });
})();
