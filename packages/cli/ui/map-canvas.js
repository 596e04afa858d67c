/** @typedef {import("./map-points.js").MapPoints} MapPoints */

/** Colours that stay apart; groups beyond them share one. */
export const colourCount = 12;
const closest = 400;
/** Share of the frame that the whole map takes at first. */
const margin = 0.94;
/** Characters of a name that are written on the map. */
const longestName = 32;
const lineHeight = 18;

/** Draws a map on a canvas: a camera over documents, drawn again only when something changed. */
export class MapCanvas {
  /** @type {"cluster" | "folder"} */
  colourBy = "cluster";
  /** Documents that stand out, best first; the others step back where there are any. @type {readonly { index: number, name: string }[]} */
  found = [];
  /** @type {number | undefined} */
  pointed;
  hasCrosshair = false;

  #width = 1;
  #height = 1;
  #centre = { x: 0, y: 0 };
  #zoom = 1;
  #isWaiting = false;
  /** @type {readonly { name: string, x: number, y: number }[]} */
  #tops = [];

  /** @param {HTMLCanvasElement} canvas @param {MapPoints} points */
  constructor(canvas, points) {
    this.canvas = canvas;
    this.points = points;
    this.#tops = points.clusterTops();
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** Takes up the size that the canvas has on the page. */
  resize() {
    const ratio = devicePixelRatio || 1;
    this.#width = this.canvas.clientWidth;
    this.#height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.#width * ratio);
    this.canvas.height = Math.round(this.#height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  /** Pixels for one unit of the map. */
  get scale() {
    const { width, height } = this.points.extent;
    return Math.min(this.#width / width, this.#height / height) * margin * this.#zoom;
  }

  get middle() {
    return { x: this.#width / 2, y: this.#height / 2 };
  }

  /** The place on the map under a place on the canvas. @param {number} left @param {number} top */
  placeAt(left, top) {
    return {
      x: this.#centre.x + (left - this.#width / 2) / this.scale,
      y: this.#centre.y + (top - this.#height / 2) / this.scale,
    };
  }

  /** @param {number} left @param {number} top @param {number} reach in pixels @returns {number | undefined} */
  documentAt(left, top, reach) {
    const { x, y } = this.placeAt(left, top);
    return this.points.nearest(x, y, reach / this.scale);
  }

  /** Moves the map by pixels. @param {number} right @param {number} down */
  pan(right, down) {
    const within = (/** @type {number} */ value) => Math.max(-1, Math.min(1, value));
    this.#centre = {
      x: within(this.#centre.x - right / this.scale),
      y: within(this.#centre.y - down / this.scale),
    };
    this.redraw();
  }

  /** Zooms about a place on the canvas, which stays where it is. @param {number} factor @param {{x: number, y: number}} [at] */
  zoom(factor, at = this.middle) {
    const before = this.placeAt(at.x, at.y);
    this.#zoom = Math.max(1, Math.min(closest, this.#zoom * factor));
    const after = this.placeAt(at.x, at.y);
    this.pan((after.x - before.x) * this.scale, (after.y - before.y) * this.scale);
  }

  reset() {
    this.#zoom = 1;
    this.#centre = { x: 0, y: 0 };
    this.redraw();
  }

  /** Draws with the next frame, once however often it is called. */
  redraw() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    requestAnimationFrame(() => {
      this.#isWaiting = false;
      this.draw();
    });
  }

  draw() {
    const style = getComputedStyle(this.canvas);
    this.context.clearRect(0, 0, this.#width, this.#height);
    this.#drawAll(style);
    for (const { index } of this.found.toReversed()) this.#ring(index, 6, style.getPropertyValue("--accent"), true);
    this.#writeNames(style);
    if (this.pointed !== undefined) this.#ring(this.pointed, 8, style.getPropertyValue("--ink"), false);
    if (this.hasCrosshair) this.#crosshair(style.getPropertyValue("--ink-soft"));
  }

  /** @param {CSSStyleDeclaration} style */
  #drawAll(style) {
    const { context, points } = this;
    const size = this.#dotSize();
    const isQuiet = this.found.length > 0;
    const half = size / 2;
    for (let colour = 0; colour < (isQuiet ? 1 : colourCount); colour += 1) {
      context.fillStyle = isQuiet ? style.getPropertyValue("--dot-quiet") : groupColour(style, colour);
      context.beginPath();
      for (let index = 0; index < points.count; index += 1) {
        if (!isQuiet && points.group(index, this.colourBy) % colourCount !== colour) continue;
        const { x, y } = this.#onCanvas(index);
        if (x < -size || y < -size || x > this.#width + size || y > this.#height + size) continue;
        if (size < 3) context.rect(x - half, y - half, size, size);
        else {
          context.moveTo(x + half, y);
          context.arc(x, y, half, 0, 2 * Math.PI);
        }
      }
      context.fill();
    }
  }

  /** Dots grow with the zoom, and are small where there are many. */
  #dotSize() {
    const area = (this.#width * this.#height) / Math.max(1, this.points.count);
    return Math.max(1.6, Math.min(9, Math.sqrt(area) * 0.42)) * Math.min(4, this.#zoom ** 0.4);
  }

  /** @param {number} index @param {number} radius @param {string} colour @param {boolean} isFilled */
  #ring(index, radius, colour, isFilled) {
    const { x, y } = this.#onCanvas(index);
    const { context } = this;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = isFilled ? getComputedStyle(this.canvas).getPropertyValue("--raised") : colour;
    context.fillStyle = colour;
    if (isFilled) context.fill();
    context.stroke();
  }

  /** @param {string} colour */
  #crosshair(colour) {
    const { x, y } = this.middle;
    const { context } = this;
    context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      context.moveTo(x + 6 * (dx ?? 0), y + 6 * (dy ?? 0));
      context.lineTo(x + 16 * (dx ?? 0), y + 16 * (dy ?? 0));
    }
    context.lineWidth = 1.5;
    context.strokeStyle = colour;
    context.stroke();
  }

  /** Names what stands out; where nothing does, the clusters. A name that would lie on another is left out. @param {CSSStyleDeclaration} style */
  #writeNames(style) {
    const named =
      this.found.length > 0
        ? this.found.map(({ index, name }) => ({ name, ...this.#onCanvas(index), beside: 10 }))
        : this.#tops.map(({ name, x, y }) => ({ name, ...above(this.#toCanvas(x, y)), beside: 0 }));
    const { context } = this;
    context.font = `600 13px ${style.getPropertyValue("--text")}`;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = style.getPropertyValue("--raised");
    context.fillStyle = style.getPropertyValue("--ink");
    /** @type {{ left: number, right: number, y: number }[]} */
    const written = [];
    for (const { name, x, y, beside } of named) {
      const text = name.length > longestName ? `${name.slice(0, longestName).trimEnd()}…` : name;
      const width = context.measureText(text).width;
      const wished = beside === 0 ? x - width / 2 : x + beside;
      const left = Math.max(4, Math.min(wished, this.#width - width - 4));
      const box = { left, right: left + width, y };
      const isCovered = written.some((other) => {
        return Math.abs(other.y - y) < lineHeight && other.left < box.right && box.left < other.right;
      });
      if (isCovered || x < 0 || x > this.#width || y < 0 || y > this.#height) continue;
      written.push(box);
      context.strokeText(text, left, y);
      context.fillText(text, left, y);
    }
  }

  /** @param {number} index */
  #onCanvas(index) {
    return this.#toCanvas(this.points.x(index), this.points.y(index));
  }

  /** @param {number} x @param {number} y */
  #toCanvas(x, y) {
    return {
      x: (x - this.#centre.x) * this.scale + this.#width / 2,
      y: (y - this.#centre.y) * this.scale + this.#height / 2,
    };
  }
}

/** Over a place, but within the frame where the place is. @param {{ x: number, y: number }} place */
function above({ x, y }) {
  return { x, y: y < 0 ? y : Math.max(lineHeight / 2, y - lineHeight * 0.9) };
}

/** The colour of a group: hues a golden angle apart, as light as the theme wants. @param {CSSStyleDeclaration} style @param {number} group */
export function groupColour(style, group) {
  const hue = (195 + (group % colourCount) * 137.5) % 360;
  return `oklch(${style.getPropertyValue("--dot-lightness")} ${style.getPropertyValue("--dot-chroma")} ${hue})`;
}
