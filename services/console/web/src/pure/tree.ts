/** The actions of a run as a tree in which groups and maps are folded into one line each. */

import type { Counts, Phase } from "./phase";
import { addCounts, isTerminal } from "./phase";
import { phaseAt } from "./past";
import type { ActionRow } from "./rows";
import { shortTask } from "./format";

/** So many children without a group of one task are folded as if they were one. */
export const FOLDED_FROM = 9;

/** A line of the tree: an action, or a group of its parent's children. */
export interface TreeNode {
  id: string;
  label: string;
  row: ActionRow | null;
  children: TreeNode[];
}

/** What a tree is at a moment: for each node that there is, the phases of its actions and its time. */
export interface Summary {
  counts: Counts;
  size: number;
  from: number;
  until: number | null;
}

const groupId = (parent: string, kind: "group" | "task", name: string): string => `${parent}/${kind}:${name}`;

function sizesByTask(rows: readonly ActionRow[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const row of rows) if (!row.group) sizes.set(row.task, (sizes.get(row.task) ?? 0) + 1);
  return sizes;
}

/** The children of one action: those of a group together, many of one task together, the others by themselves. */
function gather(parent: string, rows: readonly ActionRow[], nodeOf: (row: ActionRow) => TreeNode): TreeNode[] {
  const sizes = sizesByTask(rows);
  const groups = new Map<string, TreeNode>();
  const found: TreeNode[] = [];
  for (const row of rows) {
    const many = !row.group && (sizes.get(row.task) ?? 0) >= FOLDED_FROM;
    if (!row.group && !many) {
      found.push(nodeOf(row));
      continue;
    }
    const id = row.group ? groupId(parent, "group", row.group) : groupId(parent, "task", row.task);
    let group = groups.get(id);
    if (!group) {
      group = { id, label: row.group ?? shortTask(row.task), row: null, children: [] };
      groups.set(id, group);
      found.push(group);
    }
    group.children.push(nodeOf(row));
  }
  return found;
}

/** The whole tree: what has no parent (the root), and whatever names a parent that is not there. */
export function growTree(rows: Iterable<ActionRow>): TreeNode[] {
  const all = [...rows].sort((one, other) => (one.history[0]?.[0] ?? 0) - (other.history[0]?.[0] ?? 0));
  const names = new Set(all.map((row) => row.name));
  const children = new Map<string, ActionRow[]>();
  const tops: ActionRow[] = [];
  for (const row of all) {
    if (row.parent === null || !names.has(row.parent)) {
      tops.push(row);
      continue;
    }
    const siblings = children.get(row.parent);
    if (siblings) siblings.push(row);
    else children.set(row.parent, [row]);
  }
  const nodeOf = (row: ActionRow): TreeNode => ({
    id: row.name,
    label: shortTask(row.task) || row.name,
    row,
    children: gather(row.name, children.get(row.name) ?? [], nodeOf),
  });
  return tops.map(nodeOf);
}

const newSummary = (): Summary => ({ counts: {}, size: 0, from: Number.POSITIVE_INFINITY, until: 0 });

/** What lies below an action without children. */
const NOTHING_BELOW: Summary = newSummary();

function merge(into: Summary, more: Summary): void {
  addCounts(into.counts, more.counts);
  into.size += more.size;
  into.from = Math.min(into.from, more.from);
  into.until = into.until === null || more.until === null ? null : Math.max(into.until, more.until);
}

function addAction(into: Summary, row: ActionRow, phase: Phase): void {
  into.counts[phase] = (into.counts[phase] ?? 0) + 1;
  into.size += 1;
  const from = row.history[0]?.[1] ?? row.requested_at_ms;
  if (from < into.from) into.from = from;
  if (!isTerminal(phase)) into.until = null;
  else if (into.until !== null) into.until = Math.max(into.until, row.ended_at_ms ?? from);
}

/** Sums up every node at a moment (null: now); `all` is all of them. A node that was not there yet has no entry. */
export function sumUp(tops: readonly TreeNode[], at: number | null): { sums: Map<string, Summary>; all: Summary } {
  const sums = new Map<string, Summary>();
  const all = newSummary();
  const visit = (node: TreeNode, into: Summary): void => {
    const phase = node.row ? phaseAt(node.row, at) : undefined;
    if (node.row && !phase) return;
    if (node.row && phase) addAction(into, node.row, phase);
    if (node.children.length === 0) {
      sums.set(node.id, NOTHING_BELOW);
      return;
    }
    const below = newSummary();
    for (const child of node.children) visit(child, below);
    if (below.size > 0 || node.row) sums.set(node.id, below);
    merge(into, below);
  };
  for (const top of tops) visit(top, all);
  return { sums, all };
}

/** What is looked for: actions with one of these phases (none: any) whose name, task or group has the text. */
export interface Wanted {
  phases: ReadonlySet<Phase>;
  text: string;
}

export function isWanted(row: ActionRow, phase: Phase, wanted: Wanted): boolean {
  if (wanted.phases.size > 0 && !wanted.phases.has(phase)) return false;
  if (!wanted.text) return true;
  const text = wanted.text.toLowerCase();
  return `${row.name} ${row.task} ${row.group ?? ""} ${row.failure_code ?? ""}`.toLowerCase().includes(text);
}

/** A line that is to be shown. */
export interface Line {
  node: TreeNode;
  depth: number;
  isOpen: boolean;
  parent: number;
}

export interface View {
  at: number | null;
  open: ReadonlyMap<string, boolean>;
  wanted: Wanted;
}

/** Whether a node stands open when nobody has said: groups and maps of more than a few are folded. */
export const opensByItself = (node: TreeNode): boolean => node.row !== null || node.children.length < FOLDED_FROM;

/** The lines of the tree from the top down, without what is folded, not there yet, or not wanted. */
export function linesOf(tops: readonly TreeNode[], sums: ReadonlyMap<string, Summary>, view: View): Line[] {
  const seeks = view.wanted.phases.size > 0 || view.wanted.text !== "";
  const kept = seeks ? keptBy(tops, view) : null;
  const lines: Line[] = [];
  const visit = (node: TreeNode, depth: number, parent: number): void => {
    if (!sums.has(node.id) || (kept && !kept.has(node.id))) return;
    const isOpen = node.children.length > 0 && (view.open.get(node.id) ?? (seeks || opensByItself(node)));
    const index = lines.push({ node, depth, isOpen, parent }) - 1;
    if (isOpen) for (const child of node.children) visit(child, depth + 1, index);
  };
  for (const top of tops) visit(top, 0, -1);
  return lines;
}

/** The nodes that are wanted, and those that lead to them. */
function keptBy(tops: readonly TreeNode[], view: View): Set<string> {
  const kept = new Set<string>();
  const visit = (node: TreeNode): boolean => {
    let keep = false;
    for (const child of node.children) if (visit(child)) keep = true;
    const phase = node.row ? phaseAt(node.row, view.at) : undefined;
    if (node.row && phase && isWanted(node.row, phase, view.wanted)) keep = true;
    if (keep) kept.add(node.id);
    return keep;
  };
  for (const top of tops) visit(top);
  return kept;
}

/** The ids of the nodes above an action, from the top down: what has to be open for it to be seen. */
export function wayTo(tops: readonly TreeNode[], id: string): string[] | null {
  for (const node of tops) {
    if (node.id === id) return [];
    const rest = wayTo(node.children, id);
    if (rest) return [node.id, ...rest];
  }
  return null;
}
