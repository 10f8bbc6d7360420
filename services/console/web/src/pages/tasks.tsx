/** The tasks of a project: what can be run there. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ago, count, dateTime, millis, shortVersion } from "../pure/format";
import { apiOf, runsPath, taskPath, withQuery } from "../pure/routes";
import type { Place } from "../pure/rows";
import type { TasksAnswer } from "../pure/answers";
import { useJson } from "../live/question";
import { setQuery, useAddress } from "../live/router";
import { Frame, useTitle } from "../parts/frame";
import { useKeys } from "../parts/keys";
import { useNow } from "../parts/live-state";
import { Command, Empty, Loading, Trouble } from "../parts/states";
import { moveFocus } from "./runs";

const TYPED_MS = 200;

export function TasksPage({ place }: { place: Place }): VNode {
  useTitle(`Tasks of ${place.project}/${place.domain}`);
  const { query, path } = useAddress();
  const text = query.get("q") ?? "";
  const cursor = query.get("cursor");
  const url = withQuery(apiOf(place, "tasks"), { q: text, cursor, limit: 100 });
  const { data, error, again } = useJson<TasksAnswer>(url, `${place.project}/${place.domain}`);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [typed, type] = useState(text);
  useEffect(() => type(text), [text]);
  const now = useNow(true, 10_000);
  useKeys({ j: () => moveFocus(1), k: () => moveFocus(-1) });
  const onInput = (value: string): void => {
    type(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ q: value.trim(), cursor: null }), TYPED_MS);
  };
  return (
    <Frame place={place} page="tasks">
      <main id="main" class="page">
        <div class="page-head">
          <h1>Tasks</h1>
          {data && <span class="quiet">as of #{count(data.as_of)}</span>}
        </div>
        <section class="filters" aria-label="Filters">
          <div class="fields">
            <input
              type="search"
              class="field field-q"
              aria-label="Search tasks"
              placeholder="Search tasks   /"
              value={typed}
              data-search=""
              onInput={(event) => onInput(event.currentTarget.value)}
            />
          </div>
        </section>
        {error && !data && <Trouble error={error} again={again} />}
        {!data && !error && <Loading lines={8} />}
        {data && data.tasks.length === 0 && <NoTasks place={place} isFiltered={text !== ""} path={path} />}
        {data && data.tasks.length > 0 && (
          <table class="tasks">
            <caption class="unseen">Tasks by name</caption>
            <thead>
              <tr>
                <th scope="col">Task</th>
                <th scope="col">Newest version</th>
                <th scope="col" class="number">
                  Deployed
                </th>
                <th scope="col">Runs</th>
              </tr>
            </thead>
            <tbody>
              {data.tasks.map((task) => (
                <tr key={task.name}>
                  <td class="cell-name">
                    <a href={taskPath(place, task.name)} data-row="">
                      {task.name}
                    </a>
                    {task.description && <span class="why quiet">{task.description}</span>}
                  </td>
                  <td class="mono" title={task.version}>
                    {shortVersion(task.version)}
                  </td>
                  <td class="number" title={dateTime(millis(task.deployed_at) ?? 0)}>
                    {ago(now - (millis(task.deployed_at) ?? now))}
                  </td>
                  <td>
                    <a href={withQuery(runsPath(place), { task: task.name })}>Show runs</a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {data?.next && (
          <nav class="paging" aria-label="Pages of tasks">
            <a href={withQuery(path, { q: text, cursor: data.next })}>More tasks</a>
          </nav>
        )}
      </main>
    </Frame>
  );
}

function NoTasks({ place, isFiltered, path }: { place: Place; isFiltered: boolean; path: string }): VNode {
  if (isFiltered) {
    return (
      <Empty title="No task is called like that">
        <a class="button" href={path}>
          Show all tasks
        </a>
      </Empty>
    );
  }
  return (
    <Empty title={`${place.project} / ${place.domain} has no tasks yet`}>
      <p>Type this where your code is, and its tasks appear here:</p>
      <Command>{"flyte deploy hello.py"}</Command>
    </Empty>
  );
}
