/** A run as it was at a moment: which actions there were, and in which phase, from their histories. */

import type { Phase } from "./phase";
import { isTerminal } from "./phase";
import type { ActionRow, Moment } from "./rows";

/** The last word on an action up to a moment (null: now); undefined while nobody had asked for it. */
export function momentOf(row: ActionRow, at: number | null): Moment | undefined {
  const { history } = row;
  if (at === null) return history[history.length - 1];
  for (let index = history.length - 1; index >= 0; index -= 1) {
    const moment = history[index];
    if (moment && moment[1] <= at) return moment;
  }
  return undefined;
}

export const phaseAt = (row: ActionRow, at: number | null): Phase | undefined =>
  at === null ? row.phase : momentOf(row, at)?.[2];

/** A stretch of an action's life in one phase; `until` is null while it lasts. */
export interface Stretch {
  phase: Phase;
  attempt: number;
  from: number;
  until: number | null;
}

/** The stretches up to a moment, each up to the next word; an end is not a stretch. */
export function stretchesOf(row: ActionRow, at: number | null): Stretch[] {
  const found: Stretch[] = [];
  for (const [, time, phase, attempt] of row.history) {
    if (at !== null && time > at) break;
    const last = found[found.length - 1];
    if (last && last.phase === phase && last.attempt === attempt) continue;
    if (last && last.until === null) last.until = Math.max(time, last.from);
    if (!isTerminal(phase)) found.push({ phase, attempt, from: time, until: null });
  }
  return found;
}

/** From the first word of a run to its last, in milliseconds; null of a run without actions. */
export interface Span {
  from: number;
  until: number;
}

/** A span that has all words on an action in it too. */
export function widened(span: Span | null, row: ActionRow): Span | null {
  let from = span?.from ?? Number.POSITIVE_INFINITY;
  let until = span?.until ?? Number.NEGATIVE_INFINITY;
  for (const moment of row.history) {
    if (moment[1] < from) from = moment[1];
    if (moment[1] > until) until = moment[1];
  }
  return from <= until ? { from, until } : null;
}

/** All words of a run in the order of time: where one can step to, and the highest sequence up to each. */
export interface Steps {
  times: Float64Array;
  sequences: Float64Array;
}

export function stepsOf(rows: Iterable<ActionRow>): Steps {
  const words: Moment[] = [];
  for (const row of rows) words.push(...row.history);
  words.sort((one, other) => one[1] - other[1] || one[0] - other[0]);
  let highest = 0;
  const sequences = Float64Array.from(words, ([sequence]) => (highest = Math.max(highest, sequence)));
  return { times: Float64Array.from(words, (word) => word[1]), sequences };
}

/** How many words there were up to a moment. */
export function countUntil(steps: Steps, at: number): number {
  let low = 0;
  let high = steps.times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps.times[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The highest sequence that had been written up to a moment; 0 before the first. */
export function sequenceAt(steps: Steps, at: number): number {
  return steps.sequences[countUntil(steps, at) - 1] ?? 0;
}

/** The moment of the next word after this one (or before it, with `direction` -1). */
export function stepFrom(steps: Steps, at: number, direction: 1 | -1): number | null {
  if (direction === 1) return steps.times[countUntil(steps, at)] ?? null;
  let index = countUntil(steps, at) - 1;
  while (index >= 0 && (steps.times[index] ?? 0) >= at) index -= 1;
  return index >= 0 ? (steps.times[index] ?? null) : null;
}

/** How many actions were under way in each of `bins` equal parts of the span: the slider's skyline. */
export function skyline(rows: Iterable<ActionRow>, span: Span, bins: number): { active: number[]; failed: number[] } {
  const change = new Float64Array(bins + 1);
  const failed = new Array<number>(bins).fill(0);
  const width = Math.max(1, span.until - span.from);
  const binOf = (at: number): number => Math.min(bins - 1, Math.max(0, Math.floor(((at - span.from) / width) * bins)));
  for (const row of rows) {
    const first = row.history[0];
    if (!first) continue;
    change[binOf(first[1])]! += 1;
    const last = row.history[row.history.length - 1]!;
    if (!isTerminal(last[2])) continue;
    change[binOf(last[1]) + 1]! -= 1;
    if (last[2] === "failed" || last[2] === "timed_out") failed[binOf(last[1])]! += 1;
  }
  const active: number[] = [];
  let level = 0;
  for (let bin = 0; bin < bins; bin += 1) active.push((level += change[bin] ?? 0));
  return { active, failed };
}
