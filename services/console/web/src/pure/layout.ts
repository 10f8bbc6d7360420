/** Where things stand: the lines of a long list that can be seen, the ticks of a time axis, the graph's boxes. */

import type { Line } from "./tree";
import type { Span } from "./past";

/** The first line to draw and the one after the last, with a margin on both sides. */
export function windowOf(scrolled: number, height: number, lineHeight: number, total: number, margin = 8): [number, number] {
  const first = Math.max(0, Math.floor(scrolled / lineHeight) - margin);
  const last = Math.min(total, Math.ceil((scrolled + height) / lineHeight) + margin);
  return [Math.min(first, last), last];
}

/** Where a list has to be scrolled to for a line to be seen; as it is when it can be. */
export function scrollTo(index: number, scrolled: number, height: number, lineHeight: number): number {
  const top = index * lineHeight;
  if (top < scrolled) return top;
  if (top + lineHeight > scrolled + height) return top + lineHeight - height;
  return scrolled;
}

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 43_200_000, 86_400_000,
];

/** Round times since the beginning, at most so many, for the axis of a span. */
export function ticksOf(span: Span, most: number): { offset: number; share: number }[] {
  const width = Math.max(1, span.until - span.from);
  const step = STEPS_MS.find((one) => width / one <= most) ?? Math.ceil(width / most / 86_400_000) * 86_400_000;
  const ticks: { offset: number; share: number }[] = [];
  for (let offset = 0; offset <= width; offset += step) ticks.push({ offset, share: offset / width });
  return ticks;
}

/** A round time for an axis: "0", "200 ms", "15 s", "1:30", "2:00 h". */
export function tickText(offset: number): string {
  if (offset === 0) return "0";
  if (offset < 1000) return `${offset} ms`;
  if (offset < 60_000) return `${offset / 1000} s`;
  const minutes = Math.floor(offset / 60_000);
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (minutes < 60) return `${minutes}:${pad(Math.round((offset % 60_000) / 1000))} m`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)} h`;
}

/** Where a stretch of time lies in a span, as shares of its width. */
export function placeIn(span: Span, from: number, until: number): { left: number; width: number } {
  const whole = Math.max(1, span.until - span.from);
  const left = Math.min(1, Math.max(0, (from - span.from) / whole));
  const right = Math.min(1, Math.max(left, (until - span.from) / whole));
  return { left, width: right - left };
}

export interface Box {
  line: Line;
  x: number;
  y: number;
}

export interface Edge {
  from: Box;
  to: Box;
}

export interface Graph {
  boxes: Box[];
  edges: Edge[];
  width: number;
  height: number;
}

export const BOX = { width: 184, height: 44, gapX: 48, gapY: 12 };

/** The shown lines as a graph from left to right; a parent stands in the middle of its children. */
export function graphOf(lines: readonly Line[]): Graph {
  const boxes: Box[] = lines.map((line) => ({ line, x: line.depth * (BOX.width + BOX.gapX), y: Number.NaN }));
  const below: Box[][] = lines.map(() => []);
  const edges: Edge[] = [];
  lines.forEach((line, index) => {
    const parent = boxes[line.parent];
    const box = boxes[index]!;
    if (!parent) return;
    below[line.parent]!.push(box);
    edges.push({ from: parent, to: box });
  });
  let next = 0;
  for (let index = 0; index < boxes.length; index += 1) {
    if (below[index]!.length > 0) continue;
    boxes[index]!.y = next;
    next += BOX.height + BOX.gapY;
  }
  for (let index = boxes.length - 1; index >= 0; index -= 1) {
    const children = below[index]!;
    if (children.length === 0) continue;
    boxes[index]!.y = (children[0]!.y + children[children.length - 1]!.y) / 2;
  }
  const depth = Math.max(0, ...lines.map((line) => line.depth));
  return { boxes, edges, width: (depth + 1) * (BOX.width + BOX.gapX) - BOX.gapX, height: Math.max(0, next - BOX.gapY) };
}
