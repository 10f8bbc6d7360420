/** What one wants to know first of an action: why it failed or what it waits for, and the facts. */

import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { dateTime, duration, millis } from "../pure/format";
import type { Phase } from "../pure/phase";
import { isTerminal, wordOf } from "../pure/phase";
import { stretchesOf } from "../pure/past";
import { actionPath, apiOf, runPath, taskPath, withQuery } from "../pure/routes";
import type { ActionRow, Place } from "../pure/rows";
import { ROOT } from "../pure/rows";
import type { ActionFacts, Condition, Explanation } from "../pure/answers";
import { useJson } from "../live/question";
import { PhaseIcon } from "../parts/icons";
import { useNow } from "../parts/live-state";
import { Loading, Trouble } from "../parts/states";
import type { DetailsProps } from "./details";
import { TemplateFacts } from "./template";

export interface OverviewProps extends DetailsProps {
  row: ActionRow;
  action: ActionFacts | null;
  phase: Phase;
}

const EXPLAINED = new Set<Phase>(["failed", "timed_out", "aborted", "queued", "waiting_for_resources", "initializing", "running", "paused"]);

export function Overview(props: OverviewProps): VNode {
  const { place, runName, row, at, phase } = props;
  return (
    <div class="overview">
      {EXPLAINED.has(phase) && (at === null || isTerminal(phase)) && (
        <Explained place={place} runName={runName} row={row} isOver={isTerminal(row.phase)} />
      )}
      {props.action?.condition && <Question condition={props.action.condition} runName={runName} name={row.name} isOpen={phase === "paused"} />}
      <Times {...props} />
      <Facts {...props} />
      {props.action && <TemplateFacts action={props.action} />}
    </div>
  );
}

/** What an action waits for changes without an event of its own. */
const EXPLAINED_EACH_MS = 3_000;

/** The same as `flyte explain` says. */
function Explained({ place, runName, row, isOver }: { place: Place; runName: string; row: ActionRow; isOver: boolean }): VNode | null {
  const url = withQuery(apiOf(place, "runs", runName, "explanation"), { action: row.name });
  const { data: answer, error, again } = useJson<{ explanation: Explanation }>(url);
  const now = useNow(!isOver, EXPLAINED_EACH_MS);
  useEffect(() => {
    if (answer) again();
  }, [row.phase, row.attempt, now]);
  const data = answer?.explanation;
  if (error && !data) return error.status === 404 ? null : <Trouble error={error} again={again} />;
  if (!data) return <Loading lines={3} />;
  const failed = isOver && data.failure;
  return (
    <section class={`explained${failed ? " failed" : ""}`} aria-label="Explanation">
      <p class="summary">{data.summary}</p>
      {data.notes.map((note) => (
        <p key={note} class="quiet">
          {note}
        </p>
      ))}
      {data.path.length > 1 && (
        <ol class="path" aria-label="Where it comes from">
          {data.path.map((step) => (
            <li key={step.action}>
              <PhaseIcon phase={step.phase} />
              <a href={actionPath(place, runName, step.action)}>{step.task || step.action}</a>
            </li>
          ))}
        </ol>
      )}
      {data.failure && (
        <FailureText
          code={data.failure.code}
          message={data.summary.includes(data.failure.message) ? "" : data.failure.message}
          traceback={data.failure.traceback}
          isOpen
        />
      )}
      {data.todo && (
        <p class="todo">
          <b>What to do</b> <Said text={data.todo} />{" "}
          {data.page.startsWith("http") && (
            <a href={data.page} target="_blank" rel="noreferrer">
              About {data.failure?.code}
            </a>
          )}
        </p>
      )}
      <ul class="waits">
        {data.waits.slice(0, 5).map((wait) => (
          <li key={wait.action}>
            <Said text={wait.text} />
          </li>
        ))}
        {data.clocks.map((clock) => (
          <li key={clock.text}>
            <Said text={clock.text} /> {clock.at && <span class="quiet">({dateTime(millis(clock.at) ?? 0)})</span>}
          </li>
        ))}
      </ul>
      {data.log.length > 0 && (
        <details class="tail">
          <summary>The last lines that it printed</summary>
          <pre tabIndex={0}>{data.log.join("\n")}</pre>
        </details>
      )}
    </section>
  );
}

export interface FailureTextProps {
  code: string;
  /** Left out where it was said already. */
  message: string;
  traceback?: string | null | undefined;
  isOpen?: boolean;
}

export function FailureText({ code, message, traceback, isOpen = false }: FailureTextProps): VNode {
  return (
    <div class="failure">
      {message && (
        <p>
          <b>{code}</b> <span class="message">{message}</span>
        </p>
      )}
      {traceback && (
        <details open={isOpen}>
          <summary>Traceback</summary>
          <pre tabIndex={0}>{traceback.trim()}</pre>
        </details>
      )}
    </div>
  );
}

/** A sentence in which commands stand between backticks. */
function Said({ text }: { text: string }): VNode {
  return <>{text.split("`").map((piece, index) => (index % 2 ? <code key={index}>{piece}</code> : piece))}</>;
}

/** What a condition asks, and how to answer it. */
function Question(props: { condition: Condition; runName: string; name: string; isOpen: boolean }): VNode {
  const { prompt, description, data_type: type, signalled_by: by } = props.condition;
  return (
    <section class="explained" aria-label="Question">
      <p class="summary">{prompt}</p>
      {description && <p class="quiet">{description}</p>}
      {props.isOpen && (
        <p>
          It waits for an answer ({type}): <code>{`flyte signal condition ${props.runName} ${props.name} VALUE`}</code>
        </p>
      )}
      {by && !props.isOpen && <p class="quiet">Answered by {by}</p>}
    </section>
  );
}

/** How long the action was in which phase. */
function Times({ row, at, now }: OverviewProps): VNode {
  const total = new Map<Phase, number>();
  for (const { phase, from, until } of stretchesOf(row, at)) {
    total.set(phase, (total.get(phase) ?? 0) + (until ?? at ?? now) - from);
  }
  return (
    <ul class="times-list" aria-label="Time in each phase">
      {[...total].map(([phase, ms]) => (
        <li key={phase}>
          <PhaseIcon phase={phase} />
          <span>{wordOf(phase)}</span>
          <b>{duration(ms)}</b>
        </li>
      ))}
    </ul>
  );
}

function Facts({ place, runName, row, action, facts, at, phase }: OverviewProps): VNode {
  const isOver = isTerminal(phase);
  const isRoot = row.name === ROOT;
  return (
    <dl class="table">
      {row.kind === "task" && (
        <Line name="Task">
          <a href={taskPath(place, row.task)}>{row.task}</a>
        </Line>
      )}
      {row.group && <Line name="Group">{row.group}</Line>}
      {row.parent && (
        <Line name="Asked for by">
          <a class="mono" href={actionPath(place, runName, row.parent)}>
            {row.parent}
          </a>
        </Line>
      )}
      <Line name="Asked for at">{dateTime(row.requested_at_ms)}</Line>
      {isOver && row.ended_at_ms && <Line name="Ended at">{dateTime(row.ended_at_ms)}</Line>}
      {row.cached && isOver && <Line name="Result">from the cache</Line>}
      {row.recovered_from && (
        <Line name="Recovered from">
          <a class="mono" href={runPath(place, row.recovered_from.split("/")[0] ?? "")}>
            {row.recovered_from}
          </a>
        </Line>
      )}
      {isRoot && facts?.rerun_of && (
        <Line name="Rerun of">
          <a class="mono" href={runPath(place, facts.rerun_of)}>
            {facts.rerun_of}
          </a>
        </Line>
      )}
      {isRoot && facts && Object.entries(facts.annotations).map(([key, value]) => <Line key={key} name={key}>{value}</Line>)}
      {isRoot && facts && Object.keys(facts.env_vars).length > 0 && (
        <Line name="Variables">
          <span class="mono">{Object.entries(facts.env_vars).map(([key, value]) => `${key}=${value}`).join("  ")}</span>
        </Line>
      )}
      {action?.cached_from && isOver && <Line name="Computed by">{action.cached_from}</Line>}
      {action?.abort_reason && isOver && (
        <Line name="Aborted">
          {action.abort_reason}
          {action.aborted_by && ` (by ${action.aborted_by})`}
        </Line>
      )}
      <Line name="As a command">
        <code>{at === null ? `flyte get action ${runName} ${row.name}` : `flyte replay ${runName} --at ${new Date(at).toISOString()}`}</code>
      </Line>
    </dl>
  );
}

export function Line({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
