/** Rows of actions for the tests. */

import type { Phase } from "../src/pure/phase";
import type { ActionRow, Moment } from "../src/pure/rows";
import { isTerminal } from "../src/pure/phase";

let sequence = 0;

/** An action that was asked for at a time, and entered these phases so many milliseconds later each. */
export function action(name: string, parent: string | null, from: number, phases: readonly Phase[], more: Partial<ActionRow> = {}): ActionRow {
  let attempt = 1;
  const history = phases.map((phase, index): Moment => {
    if (index > 0 && phase === "queued") attempt += 1;
    return [(sequence += 1), from + index * 10, phase, attempt];
  });
  const last = history[history.length - 1]!;
  return {
    name,
    parent,
    task: "env.task",
    group: null,
    phase: last[2],
    attempt,
    kind: "task",
    requested_at_ms: from,
    history,
    ended_at_ms: isTerminal(last[2]) ? last[1] : null,
    failure_code: null,
    cached: false,
    recovered_from: null,
    has_report: false,
    ...more,
  };
}

export const LIFE = ["queued", "waiting_for_resources", "initializing", "running", "succeeded"] as const;
