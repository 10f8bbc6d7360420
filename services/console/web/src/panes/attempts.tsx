/** The attempts of an action: when each did what, on which worker, and how it failed. */

import type { VNode } from "preact";
import { clock, dateTime, duration, millis } from "../pure/format";
import type { Attempt } from "../pure/answers";
import { PhaseIcon } from "../parts/icons";
import { Loading } from "../parts/states";
import { FailureText } from "./overview";

export interface AttemptsProps {
  attempts: Attempt[];
  at: number | null;
  now: number;
  isLoaded: boolean;
  /** What the last attempt waits for, in the words of where it is to run. */
  waiting: string;
  kind: string;
}

export function Attempts({ attempts, at, now, isLoaded, waiting, kind }: AttemptsProps): VNode {
  if (!isLoaded) return <Loading />;
  if (attempts.length === 0) {
    return (
      <p class="quiet padded">
        {kind === "task" ? "No attempt was opened: nothing of it has run." : "Only tasks have attempts: a step or a condition has none."}
      </p>
    );
  }
  return (
    <ol class="attempts">
      {[...attempts].reverse().map((attempt) => (
        <AttemptCard key={attempt.number} attempt={attempt} waiting={waiting} at={at} now={now} />
      ))}
    </ol>
  );
}

/** A time as it was known at a moment. */
const known = (iso: string | null, at: number | null): number | null => {
  const time = millis(iso);
  return time !== null && (at === null || time <= at) ? time : null;
};

function AttemptCard({ attempt, waiting, at, now }: { attempt: Attempt; waiting: string; at: number | null; now: number }): VNode {
  const queued = known(attempt.queued_at, at);
  const placed = known(attempt.placed_at, at);
  const started = known(attempt.started_at, at);
  const ended = known(attempt.ended_at, at);
  const end = ended ?? at ?? now;
  const parts = [
    { phase: "waiting_for_resources", name: "waited", from: queued, until: placed ?? started ?? end },
    { phase: "initializing", name: "initialized", from: placed, until: started ?? end },
    { phase: "running", name: "ran", from: started, until: end },
  ] as const;
  return (
    <li class="attempt">
      <header>
        <b>Attempt {attempt.number}</b>
        <PhaseIcon phase={ended === null ? "running" : attempt.failure ? "failed" : "succeeded"} />
        <span>{ended === null ? "not over" : attempt.failure ? "failed" : "succeeded"}</span>
        <span class="space" />
        {queued !== null && <span title={dateTime(queued)}>{clock(queued)}</span>}
      </header>
      <ul class="times-list">
        {parts.map(
          ({ phase, name, from, until }) =>
            from !== null &&
            until > from && (
              <li key={name}>
                <PhaseIcon phase={phase} />
                <span>{name}</span>
                <b>{duration(until - from)}</b>
              </li>
            ),
        )}
      </ul>
      {attempt.worker && <p class="quiet">on {attempt.worker}</p>}
      {waiting && ended === null && started === null && <p>Waits for: {waiting}</p>}
      {attempt.is_cut_short && <p class="quiet">It was cut short: the action ended before it did.</p>}
      {attempt.failure && ended !== null && <FailureText {...attempt.failure} />}
    </li>
  );
}
