/** The frame of every page: where one is, where one can go, and the switch between light and dark. */

import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Place } from "../pure/rows";
import { runsPath, tasksPath } from "../pure/routes";
import { useJson } from "../live/question";
import { goTo } from "../live/router";
import { isOut, leave } from "../live/session";
import { kept, useSignal } from "../live/store";
import { Help } from "./help";
import { Glyph } from "./icons";
import { focusSearch, useKeys } from "./keys";

const theme = kept("flyte-theme", "auto");
const THEMES = { auto: "light", light: "dark", dark: "auto" } as const;
const SIGNS = { auto: "auto", light: "sun", dark: "moon" } as const;

type Theme = keyof typeof THEMES;

const themeOf = (text: string): Theme => (text in THEMES ? (text as Theme) : "auto");

/** Shows the theme that was chosen; "auto" leaves it to the system. */
function applyTheme(): void {
  document.documentElement.dataset["theme"] = themeOf(theme.value);
}
theme.watch(applyTheme);
applyTheme();

function ThemeSwitch(): VNode {
  const chosen = themeOf(useSignal(theme));
  const next = THEMES[chosen];
  const label = `Theme: ${chosen}. Change to ${next}`;
  return (
    <button type="button" class="button bare" aria-label={label} title={label} onClick={() => (theme.value = next)}>
      <Glyph name={SIGNS[chosen]} />
    </button>
  );
}

interface Projects {
  projects: { id: string; name: string; domains: { name: string }[] }[];
}

function PlaceChoice({ place, page }: { place: Place; page: "runs" | "tasks" }): VNode {
  const { data } = useJson<Projects>("/api/v1/projects");
  const known = (data?.projects ?? []).flatMap(({ id, domains }) => domains.map((domain) => `${id}/${domain.name}`));
  const current = `${place.project}/${place.domain}`;
  const all = known.includes(current) ? known : [current, ...known];
  const choose = (chosen: string): void => {
    const [project = "", domain = ""] = chosen.split("/");
    goTo(page === "tasks" ? tasksPath({ project, domain }) : runsPath({ project, domain }));
  };
  return (
    <select class="place" aria-label="Project and domain" value={current} onChange={(event) => choose(event.currentTarget.value)}>
      {all.map((one) => (
        <option key={one} value={one}>
          {one.replace("/", " / ")}
        </option>
      ))}
    </select>
  );
}

export interface FrameProps {
  place: Place | null;
  page: "runs" | "tasks" | null;
  children: ComponentChildren;
}

export function Frame({ place, page, children }: FrameProps): VNode {
  const [isHelping, help] = useState(false);
  const out = useSignal(isOut);
  const awaited = useRef(false);
  useKeys({
    "?": () => help(true),
    "/": focusSearch,
    g: () => {
      awaited.current = true;
      setTimeout(() => (awaited.current = false), 1_500);
    },
    r: () => place && awaited.current && goTo(runsPath(place)),
    t: () => place && awaited.current && goTo(tasksPath(place)),
  });
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="frame">
        <a class="brand" href="/">
          <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M2 15L10 3l8 12-8-3.4z" />
          </svg>
          Flytejet
        </a>
        {place && (
          <nav aria-label="Pages">
            <a href={runsPath(place)} aria-current={page === "runs" ? "page" : undefined}>
              Runs
            </a>
            <a href={tasksPath(place)} aria-current={page === "tasks" ? "page" : undefined}>
              Tasks
            </a>
          </nav>
        )}
        <span class="space" />
        {place && <PlaceChoice place={place} page={page ?? "runs"} />}
        <ThemeSwitch />
        {!out && (
          <button type="button" class="button bare" aria-label="Sign out" title="Sign out" onClick={() => void leave()}>
            <Glyph name="leave" />
          </button>
        )}
        <button type="button" class="button bare" aria-label="Keys and help (?)" title="Keys and help (?)" onClick={() => help(true)}>
          ?
        </button>
      </header>
      {children}
      {isHelping && <Help close={() => help(false)} />}
    </>
  );
}

/** The title of the window, for as long as the page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Flytejet`;
  }, [title]);
}
