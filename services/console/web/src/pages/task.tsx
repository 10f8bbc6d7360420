/** A task: what it takes and gives, how it runs, and its versions. */

import type { VNode } from "preact";
import { ago, dateTime, millis, shortVersion } from "../pure/format";
import { apiOf, runsPath, tasksPath, withQuery } from "../pure/routes";
import type { Place } from "../pure/rows";
import type { TaskAnswer, TaskLine, VersionAnswer } from "../pure/answers";
import type { Parameter, Template } from "../pure/template";
import { factsOf, signature } from "../pure/template";
import { useJson } from "../live/question";
import { setQuery, useAddress } from "../live/router";
import { FactTable } from "../panes/template";
import { Frame, useTitle } from "../parts/frame";
import { useNow } from "../parts/live-state";
import { Loading, Trouble } from "../parts/states";

export function TaskPage({ place, name }: { place: Place; name: string }): VNode {
  useTitle(name);
  const { query } = useAddress();
  const base = apiOf(place, "tasks", name);
  const { data, error, again } = useJson<TaskAnswer>(base);
  const version = query.get("version") ?? data?.versions[0]?.version ?? null;
  const shown = useJson<VersionAnswer>(version ? `${base}/versions/${encodeURIComponent(version)}` : null);
  return (
    <Frame place={place} page="tasks">
      <main id="main" class="page">
        <div class="page-head">
          <a class="up" href={tasksPath(place)}>
            Tasks
          </a>
          <span class="up" aria-hidden="true">
            /
          </span>
          <h1 class="mono">{name}</h1>
          <span class="space" />
          <a class="button" href={withQuery(runsPath(place), { task: name })}>
            Show runs
          </a>
        </div>
        {error && !data && <Trouble error={error} again={again} />}
        {!data && !error && <Loading />}
        {data && (
          <div class="task-body">
            <Versions versions={data.versions} chosen={version} />
            <div class="template">
              {shown.error && <Trouble error={shown.error} again={shown.again} />}
              {shown.data ? <TemplateView template={shown.data.task.template} /> : !shown.error && <Loading />}
            </div>
          </div>
        )}
      </main>
    </Frame>
  );
}

function Versions({ versions, chosen }: { versions: TaskLine[]; chosen: string | null }): VNode {
  const now = useNow(true, 10_000);
  return (
    <section class="versions" aria-label="Versions">
      <h2>Versions</h2>
      <ul>
        {versions.map(({ version, deployed_at: at }, index) => (
          <li key={version}>
            <button type="button" aria-pressed={version === chosen} onClick={() => setQuery({ version: index === 0 ? null : version })}>
              <span class="mono" title={version}>
                {shortVersion(version)}
              </span>
              {index === 0 && <span class="tag">newest</span>}
              <span class="quiet" title={dateTime(millis(at) ?? 0)}>
                {ago(now - (millis(at) ?? now))}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function TemplateView({ template }: { template: Template }): VNode {
  const facts = factsOf(template);
  return (
    <>
      <pre class="signature" tabIndex={0}>
        {signature(template)}
      </pre>
      {(template.description || template.docs) && <p class="docs">{template.docs || template.description}</p>}
      <Parameters title="Inputs" parameters={template.interface?.inputs ?? []} />
      <Parameters title="Outputs" parameters={template.interface?.outputs ?? []} />
      {facts.length > 0 && (
        <>
          <h2>How it runs</h2>
          <FactTable facts={facts} />
        </>
      )}
      <details class="whole">
        <summary>The whole template</summary>
        <pre tabIndex={0}>{JSON.stringify(template, null, 2)}</pre>
      </details>
    </>
  );
}

function Parameters({ title, parameters }: { title: string; parameters: Parameter[] }): VNode | null {
  if (parameters.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      <dl class="table">
        {parameters.map((one) => (
          <div key={one.name}>
            <dt class="mono">{one.name}</dt>
            <dd>
              <code>{one.annotation}</code>
              {!one.required && <span class="quiet"> default {JSON.stringify(one.default)}</span>}
              {one.description && <span class="quiet"> {one.description}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}
