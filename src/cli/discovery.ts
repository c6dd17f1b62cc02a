/** Path discovery on the command line of `ptp`, and what is said where it cannot be. */
import type { DiscoveryOptions } from '../paths/settings.ts';
import type { Host } from '../udp/udp.ts';
import { type Args, type Option, UsageError } from './args.ts';

export const DISCOVERY_OPTIONS: Readonly<Record<string, Option>> = {
  discovery: {
    type: 'boolean',
    help: 'a slave on Linux: trace the routes of all pairs, stop those on the route of another',
  },
  'discovery-period': {
    type: 'string',
    value: 'S',
    help: 'between rounds (10..86400, default 900)',
  },
  'discovery-rate': {
    type: 'string',
    value: 'N',
    help: 'probes per second of all pairs together (0.1..100, default 5)',
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
    periodS: args.number('discovery-period', 900, { least: 10, most: 86400 }),
    probesPerS: args.number('discovery-rate', 5, { least: 0.1, most: 100 }),
    keep: args.number('keep', undefined, { least: 1, most: 256, integer: true }) ?? null,
    symmetric: args.flag('symmetric'),
  };
}

/** Hosts without kernel stamps send no probes: all paths are used as if their routes were unknown. */
export function tellUntraced({ name, openPacket }: Host, log: (text: string) => void): void {
  if (openPacket !== undefined) return;
  log(`no route is traced, which takes kernel timestamps (here ${name}): all paths are used`);
}
