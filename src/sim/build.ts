/** Building blocks of the named scenarios. */
import {
  EVENT,
  type Event,
  LINK,
  type Link,
  type PathSpec,
  type Queue,
  type Scenario,
} from './scenario.ts';

export interface Named {
  readonly name: string;
  readonly title: string;
  /** Numbers of paths that the scoreboard shows. */
  readonly counts: readonly number[];
  /** Fewest paths that make sense. */
  readonly least: number;
  /** Scale of its figures: microseconds over a wide area, nanoseconds in a LAN. */
  readonly scale: 'wide' | 'lan';
  /** What differs from the defaults. */
  make(paths: number): Partial<Scenario> & { readonly paths: readonly PathSpec[] };
}

/** When things happen, and when the passing ones are over. */
export const EVENT_S = 7200;
export const END_S = 10800;

export const MS = 1e-3;
export const US = 1e-6;
export const NS = 1e-9;

export const link = (queue: Queue, over: Partial<Link> = {}): Link => ({
  ...LINK,
  queues: [queue],
  ...over,
});
export const path = (forward: Link, reverse: Link = forward): PathSpec => ({ forward, reverse });
export const many = (count: number, spec: PathSpec): PathSpec[] =>
  Array.from({ length: count }, () => spec);
export const event = (
  kind: Event['kind'],
  paths: readonly number[],
  over: Partial<Event> = {},
): Event => ({ ...EVENT, kind, paths, fromS: EVENT_S, ...over });
export const exp = (meanS: number): Queue => ({ law: 'exp', meanS });

/** Base 5 ms, exponential jitter of 1 ms: the path of most scenarios. */
export const plain = link(exp(1 * MS));

type Make = Named['make'];
const named =
  (scale: Named['scale']) =>
  (name: string, counts: readonly number[], title: string, make: Make, least = 1): Named => ({
    ...{ name, title, counts, least, scale, make },
  });
export const wide = named('wide');
export const lan = named('lan');

export const alike =
  (one: Link): Make =>
  (k) => ({ paths: many(k, path(one)) });
export const happening =
  (one: Link, ...events: readonly Event[]): Make =>
  (k) => ({ paths: many(k, path(one)), events });
export const asymmetric =
  (one: Link, byS: number): Make =>
  (k) => ({
    paths: [path({ ...one, baseS: one.baseS + byS }, one), ...many(k - 1, path(one))],
  });
