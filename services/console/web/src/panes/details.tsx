/** The right side of a run: everything about one action, in panes. */

import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { millis } from "../pure/format";
import { phaseAt } from "../pure/past";
import { isTerminal } from "../pure/phase";
import { apiOf, runPath } from "../pure/routes";
import type { Place } from "../pure/rows";
import { ROOT } from "../pure/rows";
import type { ActionFacts, RunFacts } from "../pure/answers";
import { useJson } from "../live/question";
import { setQuery, useAddress } from "../live/router";
import type { LiveRun } from "../live/run";
import { here } from "../live/session";
import { Glyph, PhaseBadge } from "../parts/icons";
import { useKeys } from "../parts/keys";
import { Pane, Tabs } from "../parts/tabs";
import type { Tab } from "../parts/tabs";
import { Trouble } from "../parts/states";
import { Attempts } from "./attempts";
import { Events } from "./events";
import { Logs } from "./logs";
import { Overview } from "./overview";
import { ValuesPane } from "./values";

export interface DetailsProps {
  place: Place;
  runName: string;
  run: LiveRun;
  name: string;
  at: number | null;
  now: number;
  facts: RunFacts | null;
}

export function Details(props: DetailsProps): VNode {
  const { place, runName, run, name, at, now } = props;
  const { query } = useAddress();
  const row = run.rows.get(name);
  const asked = useJson<{ action: ActionFacts }>(row ? apiOf(place, "runs", runName, "actions", name) : null);
  useEffect(() => {
    if (asked.data) asked.again();
  }, [run.heardOf(name)]);
  const phase = row ? phaseAt(row, at) : undefined;
  const action = asked.data?.action ?? null;
  const attempts = (action?.attempts ?? []).filter((attempt) => at === null || (millis(attempt.queued_at) ?? 0) <= at);
  const tabs: Tab[] = [
    { id: "overview", label: "Overview" },
    { id: "logs", label: "Logs" },
    { id: "values", label: "Inputs & outputs" },
    { id: "attempts", label: "Attempts", note: attempts.length > 1 ? attempts.length : undefined },
    { id: "events", label: "Events" },
  ];
  if (row?.has_report) tabs.push({ id: "report", label: "Report" });
  const said = query.get("tab") ?? "";
  const chosen = tabs.some((tab) => tab.id === said) ? said : "overview";
  const choose = (id: string): void => setQuery({ tab: id === "overview" ? null : id });
  useKeys(Object.fromEntries(tabs.map((tab, index) => [String(index + 1), () => choose(tab.id)])));
  if (!row) return <Unknown {...props} />;
  const base = apiOf(place, "runs", runName);
  return (
    <section class="details" aria-label="Details of the action">
      <header class="details-head">
        <a class="back" href={runPath(place, runName) + location.search.replace(/([?&])tab=[^&]*/, "$1")}>
          <Glyph name="back" /> All actions
        </a>
        <h2 title={row.task}>
          {row.task || row.name}
          {name === ROOT && <span class="tag">the run</span>}
        </h2>
        <span class="quiet mono">{row.name}</span>
        {phase && <PhaseBadge phase={phase} />}
      </header>
      <Tabs tabs={tabs} chosen={chosen} onChoose={choose} label="About the action" />
      <Pane id={chosen}>
        {!phase ? (
          <p class="quiet padded">At this moment nobody had asked for this action.</p>
        ) : chosen === "overview" ? (
          <Overview {...props} row={row} action={action} phase={phase} />
        ) : chosen === "logs" ? (
          <Logs base={base} action={name} at={at} isOver={isTerminal(row.phase)} />
        ) : chosen === "report" ? (
          <Report url={`${base}/report?action=${encodeURIComponent(name)}`} />
        ) : chosen === "events" ? (
          <Events base={base} action={name} at={at} heard={run.heardOf(name)} />
        ) : asked.error && !action ? (
          <Trouble error={asked.error} again={asked.again} />
        ) : chosen === "values" ? (
          <ValuesPane action={action} name={name} phase={phase} runName={runName} />
        ) : (
          <Attempts attempts={attempts} at={at} now={now} isLoaded={action !== null} waiting={action?.waiting ?? ""} kind={row.kind} />
        )}
      </Pane>
    </section>
  );
}

function Unknown({ place, runName, name }: DetailsProps): VNode {
  return (
    <section class="details" aria-label="Details of the action">
      <div class="empty">
        <p class="empty-title">
          The run has no action <code>{name}</code>
        </p>
        <a class="button" href={runPath(place, runName)}>
          Show the run
        </a>
      </div>
    </section>
  );
}

/** HTML that a task has written: shown in a frame that can reach nothing of ours. */
function Report({ url }: { url: string }): VNode {
  return <iframe class="report" title="Report of the action" src={here(url)} sandbox="allow-scripts" referrerpolicy="no-referrer" />;
}
