/** The left side of a run: which of its actions are looked for, as tree with times or as graph. */

import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count } from "../pure/format";
import type { Counts, Phase } from "../pure/phase";
import { isPhase, PHASES, wordOf } from "../pure/phase";
import type { Line } from "../pure/tree";
import { linesOf, sumUp, wayTo } from "../pure/tree";
import type { LiveRun } from "../live/run";
import { setQuery, useAddress } from "../live/router";
import { useSignal } from "../live/store";
import { PhaseIcon } from "../parts/icons";
import { Empty } from "../parts/states";
import { GraphView } from "./graph";
import { Tree } from "./tree";

export interface ActionsPaneProps {
  run: LiveRun;
  at: number | null;
  now: number;
  until: number;
  selected: string;
  select: (id: string) => void;
}

export function ActionsPane({ run, at, now, until, selected, select }: ActionsPaneProps): VNode {
  const version = useSignal(run.version);
  const { query } = useAddress();
  const isGraph = query.get("view") === "graph";
  const text = query.get("find") ?? "";
  const phases = query.getAll("phase").filter(isPhase);
  const [open, setOpen] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [openFound, setOpenFound] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [active, setActive] = useState(selected);
  const seeks = text !== "" || phases.length > 0;
  useEffect(() => setOpenFound(new Map()), [text, phases.join()]);
  const tops = run.tops();
  const { sums, all } = useMemo(() => sumUp(tops, at), [version, at]);
  const lines = useMemo(
    () => linesOf(tops, sums, { at, open: seeks ? openFound : open, wanted: { phases: new Set(phases), text } }),
    [version, at, open, openFound, text, phases.join()],
  );
  const chosen = useRef(selected);
  useEffect(() => {
    // What was chosen here is active already, and the next line may be by now.
    if (chosen.current !== selected) setActive(selected);
    chosen.current = selected;
    const way = wayTo(run.tops(), selected);
    setOpen((old) => (way?.length ? new Map([...old, ...way.map((id) => [id, true] as const)]) : old));
  }, [selected]);
  const onActive = (id: string): void => {
    setActive(id);
    if (run.rows.has(id)) chosen.current = id;
    select(id);
  };
  const onToggle = (line: Line, isOpen: boolean): void =>
    (seeks ? setOpenFound : setOpen)((old) => new Map([...old, [line.node.id, isOpen]]));
  const span = { from: run.span?.from ?? 0, until };
  return (
    <section class="actions" aria-label="Actions">
      <Bar counts={all.counts} phases={phases} text={text} isGraph={isGraph} />
      {lines.length === 0 ? (
        <Empty title={at === null ? "No action is like that" : "No action was like that then"} />
      ) : isGraph ? (
        <GraphView lines={lines} sums={sums} at={at} selected={selected} onActive={onActive} onToggle={onToggle} />
      ) : (
        <Tree
          lines={lines}
          sums={sums}
          span={span}
          at={at}
          now={now}
          active={active}
          selected={selected}
          onActive={onActive}
          onToggle={onToggle}
        />
      )}
    </section>
  );
}

function Bar({ counts, phases, text, isGraph }: { counts: Counts; phases: Phase[]; text: string; isGraph: boolean }): VNode {
  const toggle = (phase: Phase): void =>
    setQuery({ phase: phases.includes(phase) ? phases.filter((one) => one !== phase) : [...phases, phase] });
  return (
    <div class="bar">
      <input
        type="search"
        class="field"
        aria-label="Find actions"
        placeholder="Find actions   /"
        value={text}
        data-search=""
        onInput={(event) => setQuery({ find: event.currentTarget.value })}
      />
      <div class="chips" role="group" aria-label="Phases">
        {PHASES.filter((phase) => counts[phase] || phases.includes(phase)).map((phase) => (
          <button
            key={phase}
            type="button"
            class="chip"
            aria-pressed={phases.includes(phase)}
            aria-label={`${wordOf(phase)}: ${count(counts[phase] ?? 0)}`}
            title={wordOf(phase)}
            onClick={() => toggle(phase)}
          >
            <PhaseIcon phase={phase} />
            <b>{count(counts[phase] ?? 0)}</b>
          </button>
        ))}
      </div>
      <span class="space" />
      <div class="switch" role="group" aria-label="View">
        <button type="button" aria-pressed={!isGraph} onClick={() => setQuery({ view: null })}>
          Timeline
        </button>
        <button type="button" aria-pressed={isGraph} onClick={() => setQuery({ view: "graph" })}>
          Graph
        </button>
      </div>
    </div>
  );
}
