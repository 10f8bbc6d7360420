/** What the gateway says, as types. `services/console` serves the same as /api/openapi.json. */

import type { Counts, Phase } from "./phase";

export interface Place {
  project: string;
  domain: string;
}

export interface FailureLine {
  code: string;
  message: string;
}

export interface RunRow {
  name: string;
  task: string;
  version: string;
  phase: Phase;
  requested_at: string;
  started_at: string | null;
  ended_at: string | null;
  attempts: number;
  actions: number;
  paused: number | boolean;
  labels: Record<string, string>;
  requested_by: string | null;
  failure: FailureLine | null;
}

export interface RunsPage {
  runs: RunRow[];
  next: string | null;
  counts: Counts;
  as_of: number;
}

/** One word of an action's history: sequence in the stream, time, the phase from then on, attempt. */
export type Moment = readonly [sequence: number, atMs: number, phase: Phase, attempt: number];

export interface ActionRow {
  name: string;
  parent: string | null;
  task: string;
  group: string | null;
  phase: Phase;
  attempt: number;
  kind: "task" | "trace" | "condition";
  requested_at_ms: number;
  history: readonly Moment[];
  ended_at_ms: number | null;
  failure_code: string | null;
  cached: boolean;
  recovered_from: string | null;
  has_report: boolean;
}

export const ROOT = "a0";
