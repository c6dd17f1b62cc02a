/**
 * Masters that ought not to be there, each told of once: rogue ones, who act as master although
 * another is better and do not say that they are alternates; and such that are not in the
 * acceptable master table. Enterprise draft-01 §3, §9 (EP-005, EP-092). Decides nothing.
 */
import type { Tick } from '../units.ts';

/** Plain data. */
interface Sighting {
  readonly key: string;
  sinceNs: Tick;
  lastNs: Tick;
  isTold: boolean;
}

/** Plain data. */
export interface Watch {
  /** In order of first sight. */
  sightings: Sighting[];
}

export const createWatch = (): Watch => ({ sightings: [] });

/** A stranger can make up any number of masters. */
const MOST = 32;

/**
 * A master of this key was heard where none should be.
 * @param windowNs so long it may be a mistake of timing: masters change
 * @param silenceNs who is silent so long is forgotten
 * @returns true if it is to be told now
 */
export function sight(
  watch: Watch,
  key: string,
  nowNs: Tick,
  { windowNs, silenceNs }: { readonly windowNs: number; readonly silenceNs: number },
): boolean {
  const sighting = note(watch, key, nowNs, silenceNs);
  if (sighting === null || sighting.isTold || nowNs - sighting.sinceNs < windowNs) return false;
  sighting.isTold = true;
  return true;
}

/** As {@link sight}, but only to be recalled. @returns null if there is no room */
export function note(watch: Watch, key: string, nowNs: Tick, silenceNs: number): Sighting | null {
  watch.sightings = watch.sightings.filter(({ lastNs }) => nowNs - lastNs < silenceNs);
  const known = watch.sightings.find((one) => one.key === key);
  if (known !== undefined) {
    known.lastNs = nowNs;
    return known;
  }
  if (watch.sightings.length >= MOST) return null;
  const sighting = { key, sinceNs: nowNs, lastNs: nowNs, isTold: false };
  watch.sightings.push(sighting);
  return sighting;
}

/** The key of a recent sighting that was not told of yet, and is from now on; or null. */
export function recall(watch: Watch, prefix: string, nowNs: Tick, withinNs: number): string | null {
  const found = watch.sightings.find(
    ({ key, lastNs, isTold }) => !isTold && key.startsWith(prefix) && nowNs - lastNs < withinNs,
  );
  if (found === undefined) return null;
  found.isTold = true;
  return found.key;
}

/** It is no longer there by mistake, or never was. */
export function unsee(watch: Watch, key: string): void {
  watch.sightings = watch.sightings.filter((one) => one.key !== key);
}

/** Masters change: whoever was not told of yet begins anew. */
export function restart(watch: Watch, nowNs: Tick): void {
  for (const sighting of watch.sightings) if (!sighting.isTold) sighting.sinceNs = nowNs;
}

/** It was told, and is still there. */
export const isToldOf = (watch: Watch, key: string): boolean =>
  watch.sightings.some((one) => one.key === key && one.isTold);

/** Any that was heard within a span. */
export const isAnySeen = (watch: Watch, nowNs: Tick, silenceNs: number): boolean =>
  watch.sightings.some(({ lastNs }) => nowNs - lastNs < silenceNs);
