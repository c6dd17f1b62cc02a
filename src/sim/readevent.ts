/** One event of a scenario, from plain data. */
import { ConfigError } from '../errors.ts';
import { knownKeys, number, type Table, word } from '../fields.ts';
import { DIRECTIONS, EVENT, EVENT_KINDS, type Event, MOST_SECONDS } from './scenario.ts';

const TIME = { least: 0, most: MOST_SECONDS };

/**
 * @param count how many paths there are
 * @throws ConfigError
 */
export function readEvent(data: Table, at: string, count: number): Event {
  knownKeys(at, data, [
    ...['kind', 'paths', 'direction', 'from', 'to', 'by', 'ramp', 'random', 'share', 'hop'],
  ]);
  if (data.kind === undefined) {
    throw new ConfigError(`${at}.kind`, `one of ${EVENT_KINDS.join(', ')}`, 'nothing');
  }
  const kind = word(data.kind, `${at}.kind`, EVENT_KINDS, 'attack');
  // only a shorter route and a forger's pen take delay away
  const least = kind === 'reroute' || kind === 'manipulation' ? -1e6 : 0;
  const isLoss = kind === 'outage' || kind === 'removal';
  const fromS = number(data.from, `${at}.from`, TIME, EVENT.fromS);
  const toS = data.to === undefined ? EVENT.toS : number(data.to, `${at}.to`, TIME, MOST_SECONDS);
  if (toS <= fromS) throw new ConfigError(`${at}.to`, `a time after ${fromS}`, toS);
  return {
    kind,
    paths: readPaths(data.paths, `${at}.paths`, count),
    direction: word(data.direction, `${at}.direction`, DIRECTIONS, isLoss ? 'both' : 'forward'),
    fromS,
    toS,
    byS: number(data.by, `${at}.by`, { least, most: 1e6 }, 0),
    ramp: number(data.ramp, `${at}.ramp`, { least: 0, most: 1 }, 0),
    randomS: number(data.random, `${at}.random`, { least: 0, most: 1000 }, 0),
    share: number(data.share, `${at}.share`, { least: 0, most: 1 }, 1),
    hopS: number(data.hop, `${at}.hop`, TIME, 0),
  };
}

function readPaths(value: unknown, at: string, count: number): number[] {
  const paths: unknown = value === undefined ? [1] : value;
  const isPath = (path: unknown): path is number =>
    typeof path === 'number' && Number.isInteger(path) && path >= 1 && path <= count;
  if (!Array.isArray(paths) || paths.length === 0 || !paths.every(isPath)) {
    throw new ConfigError(at, `an array of path numbers 1..${count}`, value);
  }
  return paths;
}
