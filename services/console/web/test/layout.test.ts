import assert from "node:assert/strict";
import { test } from "node:test";
import { BOX, graphOf, placeIn, scrollTo, ticksOf, tickText, windowOf } from "../src/pure/layout";
import { growTree, linesOf, sumUp } from "../src/pure/tree";
import { action, LIFE } from "./rows";

test("a long list draws the lines that can be seen, and a few beside them", () => {
  assert.deepEqual(windowOf(0, 280, 28, 10_000, 5), [0, 15]);
  assert.deepEqual(windowOf(28_000, 280, 28, 10_000, 5), [995, 1015]);
  assert.deepEqual(windowOf(279_720, 280, 28, 10_000, 5), [9985, 10_000]);
  assert.deepEqual(windowOf(5_000, 280, 28, 3, 5), [3, 3]);
});

test("a list is scrolled no further than a line needs to be seen", () => {
  assert.equal(scrollTo(3, 0, 280, 28), 0);
  assert.equal(scrollTo(10, 0, 280, 28), 28);
  assert.equal(scrollTo(2, 280, 280, 28), 56);
});

test("ticks are round times, and no more than there is room for", () => {
  const offsets = (until: number, most: number): number[] => ticksOf({ from: 0, until }, most).map(({ offset }) => offset);
  assert.deepEqual(offsets(1_500, 5), [0, 500, 1000, 1500]);
  assert.deepEqual(offsets(60_000, 5), [0, 15_000, 30_000, 45_000, 60_000]);
  assert.ok(offsets(40 * 86_400_000, 5).length <= 6);
  assert.deepEqual([0, 200, 15_000, 90_000, 7_200_000].map(tickText), ["0", "200 ms", "15 s", "1:30 m", "2:00 h"]);
});

test("a stretch keeps within the axis", () => {
  assert.deepEqual(placeIn({ from: 0, until: 100 }, 25, 75), { left: 0.25, width: 0.5 });
  assert.deepEqual(placeIn({ from: 0, until: 100 }, -5, 500), { left: 0, width: 1 });
});

test("in the graph a parent stands left of its children, in their middle, and no two boxes meet", () => {
  const rows = [
    action("a0", null, 0, LIFE),
    action("a1", "a0", 1, LIFE),
    action("a2", "a0", 2, LIFE),
    action("a3", "a0", 3, LIFE),
    action("a4", "a2", 4, LIFE),
  ];
  const tops = growTree(rows);
  const view = { at: null, open: new Map(), wanted: { phases: new Set<never>(), text: "" } };
  const { boxes, edges } = graphOf(linesOf(tops, sumUp(tops, null).sums, view));
  const at = Object.fromEntries(boxes.map((box) => [box.line.node.id, box]));
  assert.equal(edges.length, 4);
  assert.equal(at["a0"]!.y, at["a2"]!.y);
  assert.equal(at["a2"]!.y, at["a4"]!.y);
  assert.equal(at["a4"]!.x, 2 * (BOX.width + BOX.gapX));
  const places = new Set(boxes.map(({ x, y }) => `${x}/${y}`));
  assert.equal(places.size, boxes.length);
  assert.ok(at["a3"]!.y - at["a2"]!.y >= BOX.height + BOX.gapY);
});
