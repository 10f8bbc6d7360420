/** What the gateway says about one run, one action and tasks, as types. */

import type { Phase } from "./phase";
import type { Template } from "./template";
import type { ActionRow, FailureLine, RunRow } from "./rows";

export type Value =
  | { kind: "inline"; value: unknown }
  | { kind: "reference"; uri: string; size_bytes: number; href: string; is_json: boolean };

export type Values = Record<string, Value>;

export interface RunFacts extends RunRow {
  inputs: Values;
  outputs: Values | null;
  annotations: Record<string, string>;
  env_vars: Record<string, string>;
  report: boolean;
  rerun_of: string | null;
  url: string;
  paused: number;
}

export interface RunAnswer {
  run: RunFacts;
  as_of: number;
}

export interface Failure extends FailureLine {
  kind?: string;
  traceback?: string | null;
  hint?: string | null;
}

export interface Attempt {
  number: number;
  queued_at: string;
  placed_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  worker: string;
  failure: Failure | null;
  is_cut_short: boolean;
  retry_at: string | null;
}

export interface Condition {
  prompt: string;
  data_type: string;
  description: string;
  signalled_by: string;
}

export interface ActionFacts {
  row: ActionRow;
  version: string | null;
  inputs: Values;
  outputs: Values | null;
  attempts: Attempt[];
  failure: Failure | null;
  waiting: string;
  abort_reason: string;
  aborted_by: string;
  cached_from: string;
  condition: Condition | null;
  reports: { attempt: number; size_bytes: number; href: string }[];
  template: Template | null;
}

export interface Explanation {
  run: string;
  action: string;
  task: string;
  phase: Phase;
  summary: string;
  notes: string[];
  cause: string;
  path: { action: string; task: string; phase: Phase }[];
  failure: Failure | null;
  todo: string;
  page: string;
  waits: { action: string; task: string; waits_for: string; text: string; since: string | null; until: string | null }[];
  clocks: { at: string | null; text: string }[];
  log: string[];
}

export interface EventLine {
  sequence: number;
  action: string;
  type: string;
  time: string | null;
  text: string;
  event: unknown;
}

export interface LogLine {
  sequence: number;
  action: string;
  attempt: number;
  stream: string;
  at_ms: number;
  text: string;
  partial: boolean;
}

/** One version of a task. */
export interface TaskLine {
  name: string;
  description: string;
  version: string;
  deployed_at: string;
  entrypoint: boolean;
}

export interface TasksAnswer {
  tasks: TaskLine[];
  next: string | null;
  as_of: number;
}

export interface TaskAnswer {
  versions: TaskLine[];
  next: string | null;
  as_of: number;
}

export interface VersionAnswer {
  task: { version: string; deployed_at: string; template: Template };
  as_of: number;
}
