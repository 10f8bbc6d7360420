/** A run: its actions as tree, time line or graph, one of them in detail, and all of it at any moment of its past. */

import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { count, dateTime, duration, millis, plural, shortTask, shortVersion } from "../pure/format";
import { phaseAt, sequenceAt } from "../pure/past";
import { isTerminal } from "../pure/phase";
import { actionPath, apiOf, runPath, runsPath, taskPath, withQuery } from "../pure/routes";
import type { Place } from "../pure/rows";
import { ROOT } from "../pure/rows";
import type { RunAnswer, RunFacts } from "../pure/answers";
import { useJson } from "../live/question";
import { goTo } from "../live/router";
import { LiveRun } from "../live/run";
import { useSignal } from "../live/store";
import type { Travel } from "../live/travel";
import { useTravel } from "../live/travel";
import { ActionsPane } from "../panes/actions";
import { Details } from "../panes/details";
import { Slider } from "../panes/slider";
import { Frame, useTitle } from "../parts/frame";
import { PhaseBadge } from "../parts/icons";
import { useKeys } from "../parts/keys";
import { LiveState, useNow } from "../parts/live-state";
import { Loading, Trouble } from "../parts/states";

export interface RunPageProps {
  place: Place;
  name: string;
  action: string | null;
}

export function RunPage({ place, name, action }: RunPageProps): VNode {
  useTitle(name);
  const run = useMemo(() => new LiveRun(place, name), [place.project, place.domain, name]);
  useEffect(() => () => run.close(), [run]);
  const error = useSignal(run.error);
  useSignal(run.version);
  return (
    <Frame place={place} page="runs">
      {!run.isLoaded && error ? (
        <main id="main" class="page">
          <Trouble error={error} />
          <p class="centred">
            <a href={runsPath(place)}>All runs of {`${place.project} / ${place.domain}`}</a>
          </p>
        </main>
      ) : run.isLoaded ? (
        <LoadedRun place={place} name={name} action={action} run={run} />
      ) : (
        <main id="main" class="page">
          <h1 class="mono">{name}</h1>
          <Loading lines={10} />
        </main>
      )}
    </Frame>
  );
}

function LoadedRun({ place, name, action, run }: RunPageProps & { run: LiveRun }): VNode {
  const state = useSignal(run.state);
  const travel = useTravel(run);
  const ticking = useNow(state === "live" && travel.at === null);
  const known = run.span?.until ?? 0;
  // Only what is live goes on with the clock: the past ends with its last word, a lost stream where it broke off.
  const now = state === "live" ? Math.max(ticking, known) : state === "lost" ? Math.max(run.heardAt, known) : known;
  const root = run.rows.get(ROOT);
  const facts = useJson<RunAnswer>(withQuery(apiOf(place, "runs", name), {}), `${name}`);
  useEffect(() => facts.again(), [root?.phase]);
  const selected = action ?? ROOT;
  const select = (id: string): void => {
    if (run.rows.has(id) && id !== action) goTo(actionPath(place, name, id) + location.search, action !== null);
  };
  useTravelKeys(travel, action !== null, () => goTo(runPath(place, name) + location.search));
  const until = Math.max(known, now);
  return (
    <main id="main" class={`run-page${action ? " has-action" : ""}${travel.at === null ? "" : " in-past"}`}>
      <Header place={place} name={name} run={run} facts={facts.data?.run ?? null} travel={travel} now={now} />
      <Slider run={run} travel={travel} until={until} />
      <div class="run-body">
        <ActionsPane run={run} at={travel.at} now={now} until={until} selected={selected} select={select} />
        <Details key={selected} place={place} runName={name} run={run} name={selected} at={travel.at} now={now} facts={facts.data?.run ?? null} />
      </div>
    </main>
  );
}

function useTravelKeys(travel: Travel, hasAction: boolean, leaveAction: () => void): void {
  useKeys({
    p: travel.toggle,
    ",": () => travel.step(-1),
    ".": () => travel.step(1),
    Escape: (event) => {
      if ((event.target as Element).matches("input")) (event.target as HTMLElement).blur();
      else if (travel.at !== null) travel.go(null);
      else if (hasAction) leaveAction();
    },
  });
}

interface HeaderProps {
  place: Place;
  name: string;
  run: LiveRun;
  facts: RunFacts | null;
  travel: Travel;
  now: number;
}

function Header({ place, name, run, facts, travel, now }: HeaderProps): VNode {
  const state = useSignal(run.state);
  const { at } = travel;
  const root = run.rows.get(ROOT);
  const phase = root ? (phaseAt(root, at) ?? "queued") : (facts?.phase ?? "queued");
  const begun = root?.history[0]?.[1] ?? millis(facts?.requested_at) ?? now;
  const ended = isTerminal(phase) ? (root?.ended_at_ms ?? now) : (at ?? now);
  const { size, paused } = sizesAt(run, at);
  const asOf = at === null ? run.asOf : sequenceAt(run.past(), at);
  return (
    <header class="run-head">
      <div class="title">
        <a class="up" href={runsPath(place)}>
          Runs
        </a>
        <span class="up" aria-hidden="true">
          /
        </span>
        <h1 class="mono">{name}</h1>
        <PhaseBadge phase={phase} strong />
        <span class="space" />
        <LiveState state={state} asOf={asOf} heardAt={run.heardAt} at={at} />
      </div>
      <dl class="facts">
        <Fact name="Task">
          {facts && (
            <>
              <a href={taskPath(place, facts.task)} title={facts.task}>
                {shortTask(facts.task)}
              </a>{" "}
              <span class="quiet mono" title={facts.version}>
                {shortVersion(facts.version)}
              </span>
            </>
          )}
        </Fact>
        <Fact name="Started">{dateTime(begun)}</Fact>
        <Fact name="Duration">{duration(ended - begun)}</Fact>
        <Fact name="By">{facts?.requested_by || "–"}</Fact>
        <Fact name="Actions">{count(size)}</Fact>
        {paused > 0 && <Fact name="Waits for">{plural(paused, "answer")}</Fact>}
        {Object.entries(facts?.labels ?? {}).map(([key, value]) => (
          <Fact key={key} name={key}>
            {value}
          </Fact>
        ))}
      </dl>
      {facts?.failure && isTerminal(phase) && (
        <p class="failure-line">
          <b>{facts.failure.code}</b> {facts.failure.message}
        </p>
      )}
    </header>
  );
}

/** How many actions there were, and how many of them were questions that nobody had answered. */
function sizesAt(run: LiveRun, at: number | null): { size: number; paused: number } {
  let size = 0;
  let paused = 0;
  for (const row of run.rows.values()) {
    const phase = phaseAt(row, at);
    if (phase) size += 1;
    if (phase === "paused") paused += 1;
  }
  return { size, paused };
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
