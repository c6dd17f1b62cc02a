/**
 * A scenario as a user writes it: plain data, from TOML or elsewhere. Seconds everywhere; keys as
 * in scenario.ts without their units. Every unknown key and impossible value is a ConfigError.
 */
import { ConfigError } from '../errors.ts';
import {
  flag,
  integer,
  knownKeys,
  type Limits,
  number,
  optionalText,
  type Table,
  table,
  tables,
  texts,
  word,
} from '../fields.ts';
import { readEvent } from './readevent.ts';
import type { LocalClock, OneWay, Scenario } from './scenario.ts';
import { DEFAULTS, LINK, type Link, MOST_SECONDS, type PathSpec, type Queue } from './scenario.ts';

const DELAY: Limits = { least: 0, most: 1000 };
const SHARE: Limits = { least: 0, most: 1 };
const ANY: Limits = { least: -1e9, most: 1e9 };
const MOST_COUNT = 256;

/**
 * @param where what to call the data in messages, e.g. a file name
 * @throws ConfigError
 */
export function readScenario(root: Table, where: string): Scenario {
  const at = (key: string) => `${where}: ${key}`;
  knownKeys(at(''), root, [
    ...['name', 'title', 'seconds', 'poll', 'settle', 'hold', 'stagger', 'oneway'],
    ...['clock', 'segment', 'path', 'event'],
  ]);
  const durationS = number(
    root.seconds,
    at('seconds'),
    { least: 1, most: MOST_SECONDS },
    DEFAULTS.durationS,
  );
  const segments = tables(root.segment, at('segment')).map((data, index) => {
    const here = at(`segment.${index}`);
    knownKeys(here, data, ['name', 'queue']);
    const name = optionalText(data.name, `${here}.name`);
    if (name === undefined) throw new ConfigError(`${here}.name`, 'a text', 'nothing');
    return { name, queue: readQueue(table(data.queue, `${here}.queue`), `${here}.queue`) };
  });
  const names = segments.map(({ name }) => name);
  const paths = tables(root.path, at('path')).flatMap((data, index) =>
    readPaths(data, at(`path.${index}`), names),
  );
  if (paths.length === 0 || paths.length > MOST_COUNT) {
    throw new ConfigError(at('path'), `1..${MOST_COUNT} paths ([[path]])`, paths.length);
  }
  return {
    name: optionalText(root.name, at('name')) ?? where,
    title: optionalText(root.title, at('title')) ?? '',
    durationS,
    pollS: number(root.poll, at('poll'), { least: 1e-3, most: 1e6 }, DEFAULTS.pollS),
    settleS: number(root.settle, at('settle'), { least: 0, most: durationS }, durationS / 5),
    holdS: number(root.hold, at('hold'), DELAY, DEFAULTS.holdS),
    stagger: flag(root.stagger, at('stagger'), DEFAULTS.stagger),
    ...(root.oneway === undefined
      ? {}
      : { oneWay: readOneWay(table(root.oneway, at('oneway')), at('oneway')) }),
    clock: readClock(table(root.clock, at('clock')), at('clock')),
    segments,
    paths,
    events: tables(root.event, at('event')).map((data, index) =>
      readEvent(data, at(`event.${index}`), paths.length),
    ),
  };
}

function readOneWay(data: Table, at: string): OneWay {
  knownKeys(at, data, ['forward', 'reverse', 'residence']);
  const interval = { least: 1e-3, most: 1e6 };
  return {
    forwardS: number(data.forward, `${at}.forward`, interval, 1),
    reverseS: number(data.reverse, `${at}.reverse`, interval, 1),
    residenceS: number(data.residence, `${at}.residence`, DELAY, 0),
  };
}

function readClock(data: Table, at: string): LocalClock {
  knownKeys(at, data, ['offset', 'frequency', 'wander', 'step']);
  const { offsetS, frequency, wander } = DEFAULTS.clock;
  return {
    offsetS: number(data.offset, `${at}.offset`, ANY, offsetS),
    frequency: number(data.frequency, `${at}.frequency`, { least: -0.01, most: 0.01 }, frequency),
    wander: number(data.wander, `${at}.wander`, { least: 0, most: 1e-3 }, wander),
    steps: tables(data.step, `${at}.step`).map((step, index) => {
      const here = `${at}.step.${index}`;
      knownKeys(here, step, ['at', 'by']);
      const limits = { least: 0, most: MOST_SECONDS };
      return {
        atS: number(step.at, `${here}.at`, limits, 0),
        byS: number(step.by, `${here}.by`, ANY, 0),
      };
    }),
  };
}

const LINK_KEYS = ['base', 'noise', 'loss', 'queue', 'segments'];

function readPaths(data: Table, at: string, segments: readonly string[]): PathSpec[] {
  knownKeys(at, data, ['count', 'every', 'forward', 'reverse', ...LINK_KEYS]);
  const common = readLink(data, at, LINK, segments);
  const side = (key: 'forward' | 'reverse'): Link => {
    const own = table(data[key], `${at}.${key}`);
    knownKeys(`${at}.${key}`, own, LINK_KEYS);
    return readLink(own, `${at}.${key}`, common, segments);
  };
  const sides = { forward: side('forward'), reverse: side('reverse') };
  const every = integer(data.every, `${at}.every`, 1, 1e6, 1);
  const spec = every === 1 ? sides : { ...sides, every };
  const count = integer(data.count, `${at}.count`, 1, MOST_COUNT, 1);
  return Array.from({ length: count }, () => spec);
}

function readLink(data: Table, at: string, given: Link, segments: readonly string[]): Link {
  const { queue } = data;
  const queues = Array.isArray(queue)
    ? tables(queue, `${at}.queue`).map((one, index) => readQueue(one, `${at}.queue.${index}`))
    : queue === undefined
      ? given.queues
      : [readQueue(table(queue, `${at}.queue`), `${at}.queue`)];
  return {
    baseS: number(data.base, `${at}.base`, DELAY, given.baseS),
    noiseS: number(data.noise, `${at}.noise`, DELAY, given.noiseS),
    loss: number(data.loss, `${at}.loss`, SHARE, given.loss),
    queues,
    segments:
      data.segments === undefined
        ? given.segments
        : texts(data.segments, `${at}.segments`).map((name) =>
            word(name, `${at}.segments`, segments, name),
          ),
  };
}

const LAWS = ['none', 'exp', 'lognormal', 'lomax', 'erlang', 'gauss', 'correlated'] as const;

function readQueue(data: Table, at: string): Queue {
  const law = word(data.law, `${at}.law`, LAWS, 'none');
  if (data.law === undefined) throw new ConfigError(`${at}.law`, LAWS.join(', '), 'nothing');
  const figure = (key: string, limits = DELAY): number => {
    const value = number(data[key], `${at}.${key}`, limits, Number.NaN);
    if (Number.isNaN(value)) throw new ConfigError(`${at}.${key}`, 'a number', 'nothing');
    return value;
  };
  const keys = (...known: string[]) => knownKeys(at, data, ['law', ...known]);
  switch (law) {
    case 'none':
      keys();
      return { law };
    case 'exp':
      keys('mean');
      return { law, meanS: figure('mean') };
    case 'lognormal':
      keys('median', 'sigma');
      return { law, medianS: figure('median'), sigma: figure('sigma', { least: 0, most: 5 }) };
    case 'lomax':
      keys('scale', 'shape');
      return { law, scaleS: figure('scale'), shape: figure('shape', { least: 0.5, most: 100 }) };
    case 'erlang':
      keys('mean', 'stages');
      return {
        law,
        meanS: figure('mean'),
        stages: integer(data.stages, `${at}.stages`, 1, 100, 1),
      };
    case 'gauss':
      keys('sd');
      return { law, sdS: figure('sd') };
    case 'correlated':
      keys('mean', 'time');
      return {
        law,
        meanS: figure('mean'),
        timeS: figure('time', { least: 1e-3, most: 1e6 }),
      };
  }
}
