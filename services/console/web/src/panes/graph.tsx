/** The same lines as a graph: who called whom, from left to right, groups and maps as one box each. */

import type { VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { count } from "../pure/format";
import type { Box } from "../pure/layout";
import { BOX, graphOf } from "../pure/layout";
import { phaseAt } from "../pure/past";
import { leadingPhase, wordOf } from "../pure/phase";
import type { Line, Summary } from "../pure/tree";
import { PhaseBar, PhaseIcon } from "../parts/icons";

export interface GraphProps {
  lines: readonly Line[];
  sums: ReadonlyMap<string, Summary>;
  at: number | null;
  selected: string;
  onActive: (id: string) => void;
  onToggle: (line: Line, isOpen: boolean) => void;
}

const MARGIN = 300;

export function GraphView(props: GraphProps): VNode {
  const graph = useMemo(() => graphOf(props.lines), [props.lines]);
  const frame = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<readonly [number, number]>([0, 1200]);
  const measure = useCallback(() => {
    const element = frame.current;
    if (!element) return;
    const step = Math.floor(element.scrollTop / MARGIN) * MARGIN;
    setSeen((old) => (old[0] === step - MARGIN ? old : [step - MARGIN, step + element.clientHeight + 2 * MARGIN]));
  }, []);
  useLayoutEffect(measure, [measure]);
  useEffect(() => {
    const box = graph.boxes.find(({ line }) => line.node.id === props.selected);
    const element = frame.current;
    if (!box || !element) return;
    if (box.y < element.scrollTop || box.y > element.scrollTop + element.clientHeight - BOX.height) {
      element.scrollTop = box.y - element.clientHeight / 2;
    }
  }, [props.selected]);
  const isSeen = (from: number, until: number): boolean => until >= seen[0] && from <= seen[1];
  return (
    <div class="graph" ref={frame} onScroll={measure} tabIndex={0} role="group" aria-label="Graph of the run's actions">
      <div class="graph-page" style={{ width: `${graph.width}px`, height: `${graph.height}px` }}>
        <svg width={graph.width} height={graph.height} aria-hidden="true">
          {graph.edges
            .filter(({ from, to }) => isSeen(Math.min(from.y, to.y), Math.max(from.y, to.y)))
            .map(({ from, to }) => (
              <path key={to.line.node.id} d={curve(from, to)} />
            ))}
        </svg>
        {graph.boxes
          .filter((box) => isSeen(box.y, box.y + BOX.height))
          .map((box) => (
            <GraphBox key={box.line.node.id} {...props} box={box} />
          ))}
      </div>
    </div>
  );
}

function curve(from: Box, to: Box): string {
  const x = from.x + BOX.width;
  const y = from.y + BOX.height / 2;
  const middle = x + BOX.gapX / 2;
  const end = to.y + BOX.height / 2;
  return `M${x} ${y}C${middle} ${y} ${middle} ${end} ${to.x} ${end}`;
}

function GraphBox({ box, sums, at, selected, onActive, onToggle }: GraphProps & { box: Box }): VNode {
  const { line } = box;
  const { node } = line;
  const sum = sums.get(node.id)!;
  const phase = node.row ? (phaseAt(node.row, at) ?? "queued") : leadingPhase(sum.counts);
  return (
    <button
      type="button"
      class={`box phase-${phase}${node.row ? "" : " group"}${node.id === selected ? " selected" : ""}`}
      aria-pressed={node.row ? node.id === selected : undefined}
      aria-expanded={node.row ? undefined : line.isOpen}
      style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${BOX.width}px`, height: `${BOX.height}px` }}
      onClick={() => (node.row ? onActive(node.id) : onToggle(line, !line.isOpen))}
    >
      <span class="box-name">
        <PhaseIcon phase={phase} />
        <span class="label">{node.label}</span>
        {!node.row && <span class="times">×{count(sum.size)}</span>}
      </span>
      {sum.size > 0 ? <PhaseBar counts={sum.counts} /> : <span class="quiet">{wordOf(phase)}</span>}
    </button>
  );
}
