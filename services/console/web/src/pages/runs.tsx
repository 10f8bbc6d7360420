/** The runs of a project: filtered by what the address says, and live. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ago, count, dateTime, duration, millis, shortTask, shortVersion } from "../pure/format";
import type { Counts, Phase } from "../pure/phase";
import { isTerminal, PHASES, wordOf } from "../pure/phase";
import { runPath, taskPath, withQuery } from "../pure/routes";
import type { Place, RunRow } from "../pure/rows";
import { goTo, setQuery, useAddress } from "../live/router";
import { useRuns } from "../live/runs";
import { Frame, useTitle } from "../parts/frame";
import { PhaseIcon } from "../parts/icons";
import { useKeys } from "../parts/keys";
import { LiveState, useNow } from "../parts/live-state";
import { Command, Empty, Loading, Trouble } from "../parts/states";

const FILTERS = ["phase", "task", "version", "user", "label", "q", "since"] as const;

export function RunsPage({ place }: { place: Place }): VNode {
  useTitle(`Runs of ${place.project}/${place.domain}`);
  const { query, path } = useAddress();
  const { asked, rows, state, asOf, heardAt } = useRuns(place, query);
  const isFiltered = FILTERS.some((name) => query.has(name));
  const cursor = query.get("cursor");
  useKeys({ j: () => moveFocus(1), k: () => moveFocus(-1) });
  return (
    <Frame place={place} page="runs">
      <main id="main" class="page">
        <div class="page-head">
          <h1>Runs</h1>
          <LiveState state={state} asOf={asOf} heardAt={heardAt} />
        </div>
        <Filters query={query} counts={asked.data?.counts ?? {}} />
        {asked.error && !asked.data && <Trouble error={asked.error} again={asked.again} />}
        {!asked.data && !asked.error && <Loading lines={10} />}
        {asked.data && rows.length === 0 && (isFiltered ? <NothingFound path={path} /> : <NoRuns place={place} />)}
        {rows.length > 0 && <RunsTable place={place} rows={rows} stoppedAt={state === "live" ? null : heardAt} isDimmed={asked.isAsking && cursor !== null} />}
        {asked.data && (cursor !== null || asked.data.next) && (
          <nav class="paging" aria-label="Pages of runs">
            {cursor !== null && <a href={withQuery(path, listedWithout(query))}>Newest runs</a>}
            {asked.data.next && <a href={withQuery(path, { ...listedWithout(query), cursor: asked.data.next })}>Older runs</a>}
          </nav>
        )}
      </main>
    </Frame>
  );
}

/** The address's filters, without the page's cursor. */
function listedWithout(query: URLSearchParams): Record<string, string[]> {
  return Object.fromEntries(FILTERS.map((name) => [name, query.getAll(name)]));
}

export function moveFocus(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("a[data-row]")];
  const index = links.indexOf(document.activeElement as HTMLElement);
  const next = links[Math.max(0, Math.min(links.length - 1, index + step))];
  next?.focus();
}

function NoRuns({ place }: { place: Place }): VNode {
  return (
    <Empty title={`${place.project} / ${place.domain} has no runs yet`}>
      <p>Type this where your code is, and it appears here:</p>
      <Command>{"flyte run hello.py main --name World"}</Command>
    </Empty>
  );
}

function NothingFound({ path }: { path: string }): VNode {
  return (
    <Empty title="No run is like that">
      <p>Loosen the filters, or start from all runs.</p>
      <a class="button" href={path}>
        Show all runs
      </a>
    </Empty>
  );
}

function Filters({ query, counts }: { query: URLSearchParams; counts: Counts }): VNode {
  const chosen = query.getAll("phase");
  const toggle = (phase: Phase): void =>
    setQuery({ phase: chosen.includes(phase) ? chosen.filter((one) => one !== phase) : [...chosen, phase], cursor: null });
  const shown = PHASES.filter((phase) => counts[phase] || chosen.includes(phase));
  return (
    <section class="filters" aria-label="Filters">
      <div class="fields">
        <Field name="q" label="Search runs" query={query} placeholder="Search name or task   /" search />
        <Field name="task" label="Task" query={query} placeholder="Task" />
        <Field name="user" label="Started by" query={query} placeholder="User" />
        <Field name="label" label="Label" query={query} placeholder="key=value" />
        <select
          aria-label="Started within"
          value={query.get("since") ?? ""}
          onChange={(event) => setQuery({ since: event.currentTarget.value, cursor: null })}
        >
          <option value="">Any time</option>
          <option value="1h">Last hour</option>
          <option value="24h">Last 24 hours</option>
          <option value="7d">Last 7 days</option>
          <option value="30d">Last 30 days</option>
        </select>
      </div>
      <div class="chips" role="group" aria-label="Phases">
        {shown.map((phase) => (
          <button key={phase} type="button" class="chip" aria-pressed={chosen.includes(phase)} onClick={() => toggle(phase)}>
            <PhaseIcon phase={phase} />
            {wordOf(phase)}
            <b>{count(counts[phase] ?? 0)}</b>
          </button>
        ))}
        {query.get("version") && (
          <button type="button" class="chip" aria-pressed="true" onClick={() => setQuery({ version: null, cursor: null })}>
            Version {shortVersion(query.get("version") ?? "")} <span aria-hidden="true">×</span>
          </button>
        )}
      </div>
    </section>
  );
}

const TYPED_MS = 250;

interface FieldProps {
  name: string;
  label: string;
  query: URLSearchParams;
  placeholder: string;
  search?: boolean;
}

/** A field whose text goes into the address when one stops typing. */
function Field({ name, label, query, placeholder, search = false }: FieldProps): VNode {
  const said = query.get(name) ?? "";
  const [text, setText] = useState(said);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(said), [said]);
  const say = (value: string, delay: number): void => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ [name]: value.trim(), cursor: null }), delay);
  };
  return (
    <input
      type="search"
      class={`field field-${name}`}
      aria-label={label}
      placeholder={placeholder}
      value={text}
      data-search={search ? "" : undefined}
      onInput={(event) => say(event.currentTarget.value, TYPED_MS)}
      onKeyDown={(event) => {
        if (event.key === "Enter") say(event.currentTarget.value, 0);
        if (event.key !== "Escape") return;
        event.preventDefault();
        if (text) say("", 0);
        else event.currentTarget.blur();
      }}
    />
  );
}

interface RunsTableProps {
  place: Place;
  rows: RunRow[];
  /** When the stream was lost, if it is: no clock of what is shown runs on from there. */
  stoppedAt: number | null;
  isDimmed: boolean;
}

function RunsTable({ place, rows, stoppedAt, isDimmed }: RunsTableProps): VNode {
  const ticking = useNow(stoppedAt === null);
  const now = stoppedAt ?? ticking;
  return (
    <table class={`runs${isDimmed ? " dimmed" : ""}`}>
      <caption class="unseen">Runs, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Phase</th>
          <th scope="col">Run</th>
          <th scope="col">Task</th>
          <th scope="col">Started by</th>
          <th scope="col" class="number">
            Started
          </th>
          <th scope="col" class="number">
            Duration
          </th>
          <th scope="col" class="number">
            Actions
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((run) => (
          <RunLine key={run.name} place={place} run={run} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function RunLine({ place, run, now }: { place: Place; run: RunRow; now: number }): VNode {
  const started = millis(run.requested_at) ?? now;
  const ended = millis(run.ended_at) ?? (isTerminal(run.phase) ? started : now);
  const href = runPath(place, run.name);
  const open = (event: MouseEvent): void => {
    if (!(event.target as Element).closest("a") && !getSelection()?.toString()) goTo(href);
  };
  return (
    <tr onClick={open}>
      <td class="cell-phase">
        <span class={`phase phase-${run.phase}`}>
          <PhaseIcon phase={run.phase} />
          <span>{wordOf(run.phase)}</span>
        </span>
        {run.paused ? <span class="tag">awaits an answer</span> : null}
      </td>
      <td class="cell-name">
        <a href={href} data-row="">
          {run.name}
        </a>
        {run.failure && (
          <span class="why" title={`${run.failure.code}: ${run.failure.message}`}>
            <b>{run.failure.code}</b> {run.failure.message}
          </span>
        )}
        {Object.keys(run.labels).length > 0 && (
          <span class="labels">
            {Object.entries(run.labels).map(([key, value]) => (
              <a key={key} class="tag" href={`?label=${encodeURIComponent(`${key}=${value}`)}`}>
                {key}={value}
              </a>
            ))}
          </span>
        )}
      </td>
      <td class="cell-task">
        <a href={taskPath(place, run.task)} title={run.task}>
          {shortTask(run.task)}
        </a>
        <span class="quiet mono" title={run.version}>
          {shortVersion(run.version)}
        </span>
      </td>
      <td class="cell-user">{run.requested_by || "–"}</td>
      <td class="number cell-time" title={dateTime(started)}>
        {ago(now - started)}
      </td>
      <td class="number cell-duration">{duration(ended - started)}</td>
      <td class="number cell-actions">{count(run.actions)}</td>
    </tr>
  );
}
