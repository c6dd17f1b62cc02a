/** From a scenario's data to the laws the engine asks. */
import { ConfigError } from '../errors.ts';
import { effect, isActive, isDelay, isLoss } from './events.ts';
import { type Delay, delayOf } from './laws.ts';
import { normal, type Random, stream } from './random.ts';
import type { Event, Link, Scenario, UserStamps } from './scenario.ts';
import type { DelayLaw, PathsOf, StampLaw, World, WorldPath } from './world.ts';

/** Purposes of streams; world.ts uses those below 10. */
const QUEUE = 10;
const NOISE = 11;
const LOSS = 12;
const EXTRA = 13;
const SHIFT = 14;
const SEGMENT = 15;
const STAMP = 16;

const SIDES = ['reverse', 'forward'] as const;
type Side = (typeof SIDES)[number];

/** The world of a scenario; the laws' state is made anew for every run. */
export function worldOf(scenario: Scenario): World & { readonly paths: PathsOf } {
  const { pollS, durationS, stagger, holdS, clock, oneWay } = scenario;
  return {
    ...(oneWay === undefined ? {} : { oneWay }),
    pollS,
    durationS,
    stagger,
    holdS,
    clock,
    paths: (seed) => pathsOf(scenario, seed),
  };
}

function pathsOf(scenario: Scenario, seed: number): WorldPath[] {
  const { paths, pollS, events } = scenario;
  const shared = segmentsOf(scenario, seed);
  const linkLaw = (link: Link, path: number, side: number): DelayLaw => {
    const at = (purpose: number, part = 0) => stream(seed, purpose, path, side, part);
    const delays: Delay[] = link.queues.map((queue, part) =>
      delayOf(queue, at(QUEUE, part), pollS),
    );
    for (const name of link.segments) {
      const delay = shared.get(name)?.[side];
      if (delay === undefined) {
        throw new ConfigError('segments', `one of ${[...shared.keys()].join(', ')}`, name);
      }
      delays.push(delay);
    }
    const own = events.filter((event) => hits(event, path + 1, SIDES[side]));
    const losses = own.filter(isLoss);
    const extras = own.filter(isDelay);
    const [noise, loss, extra] = [at(NOISE), at(LOSS), at(EXTRA)];
    return (packet) => {
      if (link.loss > 0 && loss() < link.loss) return Number.POSITIVE_INFINITY;
      for (const event of losses) {
        if (effect(event, path + 1, packet.at, loss) > 0) return Number.POSITIVE_INFINITY;
      }
      let delayS = link.baseS;
      for (const delay of delays) delayS += delay(packet.at);
      if (link.noiseS > 0) delayS += link.noiseS * normal(noise);
      for (const event of extras) delayS += effect(event, path + 1, packet.at, extra);
      return delayS;
    };
  };
  const stampLaw = ({ share, queues }: UserStamps, path: number, side: number): StampLaw => {
    const at = (part: number) => stream(seed, STAMP, path, side, part);
    const which = at(0);
    const delays = queues.map((queue, part) => delayOf(queue, at(part + 1), pollS));
    return (when) =>
      which() < share
        ? Math.max(
            0,
            delays.reduce((sum, delay) => sum + delay(when), 0),
          )
        : null;
  };
  return paths.map(({ forward, reverse, every = 1, stamps }, path) => {
    const lies = events.filter((event) => event.kind === 'manipulation');
    const law = {
      every,
      reverse: linkLaw(reverse, path, 0),
      forward: linkLaw(forward, path, 1),
      ...(stamps && {
        stamps: {
          send: stampLaw(stamps.send, path, 0),
          receive: stampLaw(stamps.receive, path, 1),
        },
      }),
    };
    if (!lies.some(({ paths: hit }) => hit.includes(path + 1))) return law;
    return { ...law, shift: shiftOf(lies, path + 1, stream(seed, SHIFT, path)) };
  });
}

function segmentsOf({ segments, pollS, paths }: Scenario, seed: number): Map<string, Delay[]> {
  // fine enough that paths which take turns see the queue move between them
  const stepS = pollS / Math.max(1, paths.length);
  return new Map(
    segments.map(({ name, queue }, index) => [
      name,
      SIDES.map((_, side) => delayOf(queue, stream(seed, SEGMENT, index, side), stepS)),
    ]),
  );
}

const hits = ({ paths, direction }: Event, path: number, side: Side | undefined): boolean =>
  paths.includes(path) && (direction === 'both' || direction === side);

function shiftOf(lies: readonly Event[], path: number, random: Random): (at: number) => number {
  return (at) => {
    let shiftS = 0;
    for (const event of lies) {
      if (isActive(event, path, at)) shiftS += effect(event, path, at, random);
    }
    return shiftS;
  };
}
