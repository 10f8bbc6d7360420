import assert from "node:assert/strict";
import { test } from "node:test";
import type { Phase } from "../src/pure/phase";
import { totalOf } from "../src/pure/phase";
import type { ActionRow } from "../src/pure/rows";
import type { View } from "../src/pure/tree";
import { growTree, linesOf, sumUp, wayTo } from "../src/pure/tree";
import { action, LIFE } from "./rows";

const VIEW: View = { at: null, open: new Map(), wanted: { phases: new Set(), text: "" } };

function shown(rows: readonly ActionRow[], view: Partial<View> = {}): string[] {
  const tops = growTree(rows);
  const all = { ...VIEW, ...view };
  return linesOf(tops, sumUp(tops, all.at).sums, all).map(({ node, depth }) => `${" ".repeat(depth)}${node.row?.name ?? `[${node.label}]`}`);
}

const fan = (count: number, more: (index: number) => Partial<ActionRow>, phases: readonly Phase[] = LIFE): ActionRow[] =>
  Array.from({ length: count }, (_, index) => action(`c${index}`, "a0", 100 + index, phases, more(index)));

test("children stand below their parents in the order in which they were asked for", () => {
  const rows = [action("a0", null, 0, LIFE), action("a1", "a0", 1, LIFE), action("a2", "a0", 2, LIFE), action("a3", "a1", 3, LIFE)];
  assert.deepEqual(shown(rows), ["a0", " a1", "  a3", " a2"]);
});

test("a group of many is folded into one line, and a small one stands open", () => {
  const root = action("a0", null, 0, LIFE);
  assert.deepEqual(shown([root, ...fan(20, () => ({ group: "g" }))]), ["a0", " [g]"]);
  assert.deepEqual(shown([root, ...fan(2, () => ({ group: "g" }))]), ["a0", " [g]", "  c0", "  c1"]);
});

test("many calls of one task are folded without a group, few are not", () => {
  const root = action("a0", null, 0, LIFE);
  assert.deepEqual(shown([root, ...fan(9, () => ({}))]), ["a0", " [task]"]);
  assert.deepEqual(shown([root, ...fan(8, () => ({}))]).length, 9);
  const mixed = fan(12, (index) => ({ task: index % 2 ? "env.odd" : "env.even" }));
  assert.equal(shown([root, ...mixed]).length, 13);
});

test("what somebody has folded or unfolded stays so", () => {
  const rows = [action("a0", null, 0, LIFE), ...fan(20, () => ({ group: "g" }))];
  assert.equal(shown(rows, { open: new Map([["a0/group:g", true]]) }).length, 22);
  assert.deepEqual(shown(rows, { open: new Map([["a0", false]]) }), ["a0"]);
});

test("a group has the counts of its actions by phase and the time of all of them", () => {
  const rows = [
    action("a0", null, 0, ["queued", "running"]),
    ...fan(3, () => ({ group: "g" })),
    action("x", "a0", 500, ["queued", "running"], { group: "g" }),
  ];
  const tops = growTree(rows);
  const { sums, all } = sumUp(tops, null);
  const group = sums.get("a0/group:g")!;
  assert.deepEqual(group.counts, { succeeded: 3, running: 1 });
  assert.deepEqual([group.size, group.from, group.until], [4, 100, null]);
  assert.deepEqual(all.counts, { succeeded: 3, running: 2 });
  assert.equal(sumUp(growTree(rows.slice(0, 4)), null).sums.get("a0/group:g")!.until, 142);
});

test("at a moment of the past there are only the actions that had been asked for, in the phases of then", () => {
  const rows = [action("a0", null, 0, ["queued", "running", "succeeded"]), ...fan(3, () => ({ group: "g" }))];
  assert.deepEqual(shown(rows, { at: 5 }), ["a0"]);
  assert.deepEqual(shown(rows, { at: 101 }), ["a0", " [g]", "  c0", "  c1"]);
  assert.deepEqual(sumUp(growTree(rows), 101).sums.get("a0/group:g")!.counts, { queued: 2 });
});

test("what is looked for is shown with what leads to it, out of folded groups too", () => {
  const rows = [action("a0", null, 0, LIFE), ...fan(20, () => ({ group: "g" })), action("bad", "a0", 300, ["queued", "failed"], { group: "g" })];
  const wanted = { phases: new Set<Phase>(["failed"]), text: "" };
  assert.deepEqual(shown(rows, { wanted }), ["a0", " [g]", "  bad"]);
  assert.deepEqual(shown(rows, { wanted: { phases: new Set(), text: "C17" } }), ["a0", " [g]", "  c17"]);
  assert.deepEqual(shown(rows, { wanted: { phases: new Set(), text: "nobody" } }), []);
});

test("an action whose parent is not known yet is not lost", () => {
  assert.deepEqual(shown([action("a9", "elsewhere", 0, LIFE)]), ["a9"]);
});

test("the way to an action leads through its group", () => {
  const tops = growTree([action("a0", null, 0, LIFE), ...fan(20, () => ({ group: "g" }))]);
  assert.deepEqual(wayTo(tops, "c7"), ["a0", "a0/group:g"]);
  assert.equal(wayTo(tops, "nobody"), null);
});

test("ten thousand actions are all counted", () => {
  const tops = growTree([action("a0", null, 0, LIFE), ...fan(10_000, () => ({ group: "g" }))]);
  assert.equal(totalOf(sumUp(tops, null).all.counts), 10_001);
});
