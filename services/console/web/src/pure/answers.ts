/** What the gateway says about one run, one action and tasks, as types. */

import type { Phase } from "./phase";
import type { Template } from "./template";
import type { ActionRow, FailureLine, RunRow } from "./rows";

export type Value =
  | { kind: "inline"; value: unknown }
  | { kind: "reference"; uri: string; size_bytes: number; href: string };

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
  attempt: number;
  queued_at: string | null;
  placed_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  worker: string | null;
  waiting: string | null;
  failure: Failure | null;
}

export interface ActionFacts extends ActionRow {
  inputs: Values;
  outputs: Values | null;
  attempts: Attempt[];
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
  time: string;
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
}

export interface TaskLine {
  name: string;
  description: string;
  version: string;
  versions: number;
  deployed_at: string;
  deployed_by: string;
}

export interface TasksAnswer {
  tasks: TaskLine[];
  next: string | null;
  as_of: number;
}

export interface TaskVersion {
  version: string;
  deployed_at: string;
  deployed_by: string;
}

export interface TaskAnswer {
  versions: TaskVersion[];
  as_of: number;
}

export interface VersionAnswer {
  template: Template;
  as_of: number;
}
