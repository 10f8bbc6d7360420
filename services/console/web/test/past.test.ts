import assert from "node:assert/strict";
import { test } from "node:test";
import { momentOf, phaseAt, sequenceAt, skyline, stepFrom, stepsOf, stretchesOf, widened } from "../src/pure/past";
import { action, LIFE } from "./rows";

test("an action is in each phase from the moment of its word on, and not there before the first", () => {
  const row = action("a1", "a0", 1000, LIFE);
  assert.equal(phaseAt(row, 999), undefined);
  assert.deepEqual(
    [1000, 1009, 1010, 1025, 1039, 1040, 9999].map((at) => phaseAt(row, at)),
    ["queued", "queued", "waiting_for_resources", "initializing", "running", "succeeded", "succeeded"],
  );
  assert.equal(phaseAt(row, null), "succeeded");
  assert.equal(momentOf(row, null), row.history[4]);
});

test("stretches end where the next begins, and the last of an action that goes on is open", () => {
  const row = action("a1", "a0", 0, LIFE.slice(0, 4));
  assert.deepEqual(
    stretchesOf(row, null).map(({ phase, from, until }) => [phase, from, until]),
    [
      ["queued", 0, 10],
      ["waiting_for_resources", 10, 20],
      ["initializing", 20, 30],
      ["running", 30, null],
    ],
  );
});

test("at a moment of the past the stretches stop there, and the last is open", () => {
  const row = action("a1", "a0", 0, LIFE);
  const stretches = stretchesOf(row, 25);
  assert.deepEqual(stretches[stretches.length - 1], { phase: "initializing", attempt: 1, from: 20, until: null });
  assert.equal(stretches.length, 3);
});

test("a second attempt has stretches of its own", () => {
  const row = action("a1", "a0", 0, ["queued", "running", "queued", "running", "failed"]);
  assert.deepEqual(
    stretchesOf(row, null).map(({ phase, attempt }) => `${phase} ${attempt}`),
    ["queued 1", "running 1", "queued 2", "running 2"],
  );
});

test("steps lead over every word in both directions, each as of the highest sequence so far", () => {
  const rows = [action("a0", null, 0, ["queued", "running"]), action("a1", "a0", 5, ["queued", "running"])];
  const steps = stepsOf(rows);
  const [first, second] = rows as [(typeof rows)[0], (typeof rows)[0]];
  assert.deepEqual([...steps.times], [0, 5, 10, 15]);
  assert.equal(sequenceAt(steps, -1), 0);
  assert.equal(sequenceAt(steps, 5), second.history[0]![0]);
  assert.equal(sequenceAt(steps, 10), second.history[0]![0], "an earlier sequence that came later does not lower it");
  assert.equal(sequenceAt(steps, 99), second.history[1]![0]);
  assert.equal(stepFrom(steps, 5, 1), 10);
  assert.equal(stepFrom(steps, 5, -1), 0);
  assert.equal(stepFrom(steps, 0, -1), null);
  assert.equal(stepFrom(steps, 15, 1), null);
  assert.equal(first.history.length, 2);
});

test("the skyline counts what is under way, and marks where something failed", () => {
  const rows = [action("a0", null, 0, ["queued", "running"]), action("a1", "a0", 20, ["running", "failed"])];
  const span = rows.reduce<ReturnType<typeof widened>>((all, row) => widened(all, row), null);
  assert.deepEqual(span, { from: 0, until: 30 });
  const { active, failed } = skyline(rows, { from: 0, until: 60 }, 6);
  assert.deepEqual(active, [1, 1, 2, 2, 1, 1]);
  assert.deepEqual(failed, [0, 0, 0, 1, 0, 0]);
});
