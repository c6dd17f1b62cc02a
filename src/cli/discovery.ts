/** Path discovery on the command line: of `ptp`, and what is said where it cannot be. */
import { DISCOVERY_LIMITS, type DiscoveryOptions } from '../paths/settings.ts';
import { type Host, isPlain } from '../udp/udp.ts';
import { type Args, type Option, UsageError } from './args.ts';
import { MOST_PATHS } from './client.ts';

const { periodS, probesPerS } = DISCOVERY_LIMITS;
type Range = (typeof DISCOVERY_LIMITS)[keyof typeof DISCOVERY_LIMITS];

/** What a number may be, in a line of help. */
export const rangeText = ({ least, most, fallback }: Range): string =>
  `${least}..${most}, default ${fallback}`;

export const DISCOVERY_OPTIONS: Readonly<Record<string, Option>> = {
  discovery: {
    type: 'boolean',
    help: 'a slave on Linux: trace the routes of all pairs, stop those on the route of another',
  },
  'discovery-period': {
    type: 'string',
    value: 'S',
    help: `between rounds (${rangeText(periodS)})`,
  },
  'discovery-rate': {
    type: 'string',
    value: 'N',
    help: `probes per second of all pairs together (${rangeText(probesPerS)})`,
  },
  keep: { type: 'string', value: 'K', help: 'keep at most K pairs, those that share least' },
  symmetric: { type: 'boolean', help: 'the way back is known to be the same' },
};

/** Undefined if it was not asked for. Throws ConfigError, UsageError. */
export function discoveryOptions(args: Args): DiscoveryOptions | undefined {
  if (!args.flag('discovery')) {
    const idle = ['discovery-period', 'discovery-rate', 'keep'].find(
      (name) => args.text(name) !== undefined,
    );
    if (idle !== undefined || args.flag('symmetric')) {
      throw new UsageError(`"--${idle ?? 'symmetric'}" needs --discovery`);
    }
    return undefined;
  }
  return {
    periodS: args.number('discovery-period', periodS.fallback, periodS),
    probesPerS: args.number('discovery-rate', probesPerS.fallback, probesPerS),
    keep: keepOf(args),
    symmetric: args.flag('symmetric'),
  };
}

/** `--keep`; null: all that differ. Throws ConfigError. */
export const keepOf = (args: Args): number | null =>
  args.number('keep', undefined, { least: 1, most: MOST_PATHS, integer: true }) ?? null;

/** Hosts without kernel stamps send no probes: all paths are used as if their routes were unknown. */
export function tellUntraced(host: Host, log: (text: string) => void): void {
  if (!isPlain(host)) return;
  log(`no route is traced, which takes kernel timestamps (here ${host.name}): all paths are used`);
}
