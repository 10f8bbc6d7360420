/** Which page is shown for which address. */

import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { routeOf, runsPath } from "./pure/routes";
import type { Route } from "./pure/routes";
import { useJson } from "./live/question";
import { goTo, onLinkClick, useAddress } from "./live/router";
import { isOut } from "./live/session";
import { useSignal } from "./live/store";
import { Frame, useTitle } from "./parts/frame";
import { Empty, Loading, Trouble } from "./parts/states";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { SignInPage } from "./pages/sign-in";
import { TaskPage } from "./pages/task";
import { TasksPage } from "./pages/tasks";

export function App({ problem }: { problem: string | null }): VNode {
  const { path } = useAddress();
  const out = useSignal(isOut);
  useEffect(() => {
    document.addEventListener("click", onLinkClick);
    return () => document.removeEventListener("click", onLinkClick);
  }, []);
  return out ? <SignInPage problem={problem} /> : pageOf(routeOf(path));
}

function pageOf(route: Route): VNode {
  switch (route.page) {
    case "home":
      return <Home />;
    case "runs":
      return <RunsPage key={`${route.place.project}/${route.place.domain}`} place={route.place} />;
    case "run":
      return <RunPage key={route.run} place={route.place} name={route.run} action={route.action} />;
    case "tasks":
      return <TasksPage place={route.place} />;
    case "task":
      return <TaskPage key={route.task} place={route.place} name={route.task} />;
    case "missing":
      return <Missing path={route.path} />;
  }
}

/** Leads to the runs of the project that the gateway names. */
function Home(): VNode {
  const { data, error, again } = useJson<{ default_project: string; default_domain: string }>("/api/v1/about");
  useEffect(() => {
    if (data) goTo(runsPath({ project: data.default_project, domain: data.default_domain }), true);
  }, [data]);
  return (
    <Frame place={null} page={null}>
      <main id="main" class="page">
        {error ? <Trouble error={error} again={again} /> : <Loading />}
      </main>
    </Frame>
  );
}

function Missing({ path }: { path: string }): VNode {
  useTitle("No such page");
  return (
    <Frame place={null} page={null}>
      <main id="main" class="page">
        <Empty title="There is no such page">
          <p>
            Nothing is at <code>{path}</code>. A run is at /projects/PROJECT/domains/DOMAIN/runs/NAME.
          </p>
          <a class="button" href="/">
            Go to the runs
          </a>
        </Empty>
      </main>
    </Frame>
  );
}
