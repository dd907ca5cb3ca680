// Live figures with small plots: two minutes, one value a second, drawn in the colours of the page.

const LENGTH = 120;

export class Plot {
  // series: [{ name, colour (a CSS variable) }]; range: [low, high] at least, grown by what comes.
  constructor(parent, { title, unit, digits = 0, series, range, wide = false, guide = null }) {
    Object.assign(this, { unit, digits, series, range, guide });
    this.values = series.map(() => []);
    const figure = document.createElement("div");
    figure.className = wide ? "figure wide" : "figure";
    const heading = document.createElement("h3");
    heading.textContent = title;
    this.value = document.createElement("div");
    this.value.className = "value";
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.title = title;
    figure.append(heading, this.value, this.canvas);
    if (series.length > 1) {
      this.legend = document.createElement("ul");
      this.legend.className = "legend";
      this.items = series.map(({ name, colour }) => {
        const item = document.createElement("li");
        const ink = document.createElement("i");
        ink.style.setProperty("--ink", `var(${colour})`);
        const figureText = document.createElement("b");
        item.append(ink, `${name} `, figureText);
        this.legend.append(item);
        return figureText;
      });
      figure.append(this.legend);
    }
    parent.append(figure);
    this.show(null, []);
  }

  // main: the large figure; values: one a series, null for none.
  show(main, values) {
    const text = (value) => (value === null || value === undefined ? "–" : value.toFixed(this.digits));
    this.value.replaceChildren(text(main), " ");
    const unit = document.createElement("small");
    unit.textContent = this.unit;
    this.value.append(unit);
    this.canvas.setAttribute("aria-label", `${this.title}: ${text(main)} ${this.unit}, over two minutes`);
    this.series.forEach((_, index) => {
      const kept = this.values[index];
      kept.push(values[index] ?? null);
      if (kept.length > LENGTH) kept.shift();
      if (this.items) this.items[index].textContent = text(values[index]);
    });
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    const ink = canvas.getContext("2d");
    ink.scale(scale, scale);
    const known = this.values.flat().filter((value) => value !== null);
    const low = Math.min(this.range[0], ...known);
    const high = Math.max(this.range[1], ...known);
    const style = getComputedStyle(canvas);
    const y = (value) => height - 3 - ((value - low) / (high - low || 1)) * (height - 6);
    if (this.guide !== null) {
      ink.strokeStyle = style.getPropertyValue("--line");
      ink.setLineDash([3, 4]);
      ink.beginPath();
      ink.moveTo(0, y(this.guide));
      ink.lineTo(width, y(this.guide));
      ink.stroke();
      ink.setLineDash([]);
    }
    ink.lineWidth = 1.75;
    ink.lineJoin = "round";
    this.series.forEach(({ colour }, index) => {
      ink.strokeStyle = style.getPropertyValue(colour);
      ink.beginPath();
      let open = false;
      const kept = this.values[index];
      kept.forEach((value, at) => {
        if (value === null) { open = false; return; }
        const x = width - 2 - ((kept.length - 1 - at) * (width - 2)) / (LENGTH - 1);
        if (open) ink.lineTo(x, y(value));
        else ink.moveTo(x, y(value));
        open = true;
      });
      ink.stroke();
      const last = kept.at(-1);
      if (last !== null && last !== undefined) {
        ink.fillStyle = ink.strokeStyle;
        ink.beginPath();
        ink.arc(width - 3, y(last), 2.5, 0, 7);
        ink.fill();
      }
    });
  }
}
