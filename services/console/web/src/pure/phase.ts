/** The phases of an action: their words, their order, and which of them are an end. */

export const PHASES = [
  "running",
  "initializing",
  "waiting_for_resources",
  "queued",
  "paused",
  "failed",
  "timed_out",
  "aborted",
  "recovered",
  "succeeded",
] as const;

export type Phase = (typeof PHASES)[number];

const WORDS: Record<Phase, string> = {
  queued: "Queued",
  waiting_for_resources: "Waiting for resources",
  initializing: "Initializing",
  running: "Running",
  paused: "Paused",
  succeeded: "Succeeded",
  failed: "Failed",
  aborted: "Aborted",
  timed_out: "Timed out",
  recovered: "Recovered",
};

const ENDS: ReadonlySet<Phase> = new Set<Phase>(["succeeded", "failed", "aborted", "timed_out", "recovered"]);

export const wordOf = (phase: Phase): string => WORDS[phase];

export const isTerminal = (phase: Phase): boolean => ENDS.has(phase);

export const isPhase = (text: string): text is Phase => (PHASES as readonly string[]).includes(text);

/** How many actions stand in which phase. */
export type Counts = Partial<Record<Phase, number>>;

export function addCounts(into: Counts, more: Counts): void {
  for (const phase of PHASES) {
    const count = more[phase];
    if (count) into[phase] = (into[phase] ?? 0) + count;
  }
}

export const totalOf = (counts: Counts): number => PHASES.reduce((sum, phase) => sum + (counts[phase] ?? 0), 0);

/** The counts in words, in the phases' order: "3 running, 12 succeeded". */
export function countsText(counts: Counts): string {
  const said = PHASES.filter((phase) => counts[phase]).map(
    (phase) => `${(counts[phase] ?? 0).toLocaleString("en")} ${wordOf(phase).toLowerCase()}`,
  );
  return said.join(", ") || "nothing";
}

/** Which phase stands for all of them: what goes on, then what went wrong, then what went well. */
export function leadingPhase(counts: Counts): Phase {
  return PHASES.find((phase) => counts[phase]) ?? "queued";
}
