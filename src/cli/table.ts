/** The table of paths, as the demo, query and run print it. */
import type { CombinedClock, PathReport } from '../core.ts';
import { formatPpm, formatSeconds } from '../format.ts';
import type { PathKey } from '../path.ts';
import { type PathView, reachText, type ViewState } from '../status.ts';

/** Offset with microseconds kept at every size: `+12.3us`, `+250.034ms`, `-3600.000012s`. */
export function formatOffset(s: number): string {
  const size = Math.abs(s);
  const sign = s < 0 ? '-' : '+';
  if (size >= 10) return `${sign}${size.toFixed(6)}s`;
  if (size >= 0.99e-3) return `${sign}${(size * 1e3).toFixed(3)}ms`;
  return `${sign}${(size * 1e6).toFixed(1)}us`;
}

/** A path of any protocol. */
export interface TablePath {
  readonly path: PathKey;
  readonly state: ViewState;
  readonly reason: string;
  /** What came over it lately. */
  readonly heard: string;
  readonly report: PathReport | null;
}

export interface ExtraColumn<View = TablePath> {
  readonly title: string;
  readonly width: number;
  cell(view: View): string;
}

/** Whose stamps are in use; which how often, the status document tells. */
const STAMPS: ExtraColumn<PathView & TablePath> = {
  title: 'stamps',
  width: 6,
  cell: ({ stamps }) => stamps,
};

/** The paths of an NTP client. */
export const pathTable = (views: readonly PathView[], columns: number): string[] =>
  tableOf<PathView & TablePath>(
    views.map((view) => ({ ...view, heard: reachText(view.reach) })),
    { heard: 'reach', columns, extra: [STAMPS] },
  );

export interface TableOptions<View> {
  /** Title of what came. */
  readonly heard: string;
  readonly columns: number;
  readonly extra: readonly ExtraColumn<View>[];
}

/** One line per path, header first, the most telling columns left; lines are cut at `columns`. */
export function tableOf<View extends TablePath>(
  views: readonly View[],
  { heard, columns, extra }: TableOptions<View>,
): string[] {
  const pathWidth = Math.max(4, ...views.map((view) => view.path.length));
  const heardWidth = Math.max(5, ...views.map((view) => view.heard.length), heard.length);
  const cells = (
    path: string,
    came: string,
    offset: string,
    noise: string,
    delay: string,
    weight: string,
    more: readonly string[],
    state: string,
    reason: string,
  ) =>
    [
      path.padEnd(pathWidth),
      state.padEnd(11),
      came.padStart(heardWidth),
      offset.padStart(13),
      ...more,
      noise.padStart(7),
      delay.padStart(7),
      weight.padStart(5),
      reason,
    ]
      .join(' ')
      .trimEnd()
      .slice(0, columns);
  const header = cells(
    'path',
    heard,
    'offset',
    '+/-',
    'delay',
    'share',
    extra.map(({ title, width }) => title.padStart(width)),
    'state',
    'why',
  );
  const rows = views.map((view) => {
    const { report } = view;
    return cells(
      view.path,
      view.heard,
      report === null ? '-' : formatOffset(report.offsetS),
      report === null ? '-' : formatSeconds(report.noiseS),
      report === null ? '-' : formatSeconds(report.delayS),
      report === null ? '-' : `${Math.round(report.weight * 100)}%`,
      extra.map(({ cell, width }) => cell(view).padStart(width)),
      view.state,
      view.reason,
    );
  });
  return [header, ...rows];
}

/** One line for the combined clock. */
export function clockLine(clock: CombinedClock | null): string {
  if (clock === null) return 'combined: nothing yet';
  const { offsetS, uncertaintyS, earliestS, latestS, frequency } = clock;
  const interval = `[${formatOffset(earliestS)}, ${formatOffset(latestS)}]`;
  return `combined: offset ${formatOffset(offsetS)} +/- ${formatSeconds(uncertaintyS)}, surely within ${interval}, frequency ${formatPpm(frequency)}, ${clock.paths} paths`;
}

/** A horizontal bar, `value` of `most` filling `width`, at least one mark. */
export function bar(value: number, most: number, width: number): string {
  const filled = most > 0 ? Math.max(1, Math.round((value / most) * width)) : 0;
  return '█'.repeat(Math.min(filled, width));
}
