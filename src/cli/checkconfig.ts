/** A clock's configuration for `check`: options as given to `ptp`, or a [ptp] table of TOML. */
import { type ConfigFinding, checkConfig } from '../check/config.ts';
import type { Revision } from '../check/rules.ts';
import { ConfigError } from '../errors.ts';
import { knownKeys, type Table, table } from '../fields.ts';
import { createOrdinaryClock } from '../ptp/clock.ts';
import { UNKNOWN_TIME } from '../ptp/dataset.ts';
import { profileOf } from '../ptp/profile.ts';
import { tick } from '../units.ts';
import { type Args, type Command, readArgs, UsageError } from './args.ts';
import { argsOfPorts, boundaryOptions } from './boundary.ts';
import { ptpCommand } from './ptp.ts';
import { ptpOptions } from './ptpargs.ts';
import { readToml } from './toml.ts';

export type ConfigProfile = 'default' | 'enterprise';

/**
 * @param positionals `slave` or `master`, then addresses; or `boundary`, whose ports are options
 * @param profile of ports that name none
 */
export function checkPtpArgs(
  positionals: readonly string[],
  args: Args,
  profile: ConfigProfile,
  revision: Revision,
): ConfigFinding[] {
  const [role, ...addresses] = positionals;
  if (role === 'boundary') return checkPorts(args, profile, revision);
  if (role !== 'slave' && role !== 'master') {
    throw new UsageError(`a clock is "slave", "master" or "boundary", not "${role ?? ''}"`);
  }
  if (addresses.length === 0) throw new UsageError('a clock needs an address: ADDR');
  const found = checkConfig({ role, addresses, options: args }, profileOf(profile, revision));
  // Whatever else the clock itself would refuse.
  if (found.length > 0) return found;
  try {
    const chosen = profile === 'enterprise' ? { profile, revision } : {};
    const options = { ...ptpOptions(args, role, addresses), ...chosen };
    const { domains, ...one } = options;
    createOrdinaryClock({ ...one, own: UNKNOWN_TIME, epochS: 0, nowNs: tick(0) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const option = error.field.replace(/^--/, '');
    return [{ option, value: '', section: 'clockbraid ptp', text: error.message }];
  }
  return [];
}

function checkPorts(args: Args, profile: ConfigProfile, revision: Revision): ConfigFinding[] {
  const ports = argsOfPorts(args, ptpCommand.options);
  if (ports.length < 2) throw new UsageError('a boundary clock needs --port ADDR, twice at least');
  const found = ports.flatMap(({ args: options, role, addresses }) => {
    const told = options.text('profile');
    const own = told === 'default' || told === 'enterprise' ? told : profile;
    const findings = checkConfig({ role, addresses, options }, profileOf(own, revision));
    return findings.map((one) => ({ ...one, option: `port ${addresses[0]}: ${one.option}` }));
  });
  if (found.length > 0) return found;
  try {
    boundaryOptions(args, ptpCommand.options);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [{ option: error.field, value: '', section: 'clockbraid ptp', text: error.message }];
  }
}

/** `[ptp]`: role, addresses, and the options of `clockbraid ptp` by their names. */
export function argsOfToml(
  command: Command,
  text: string,
  file: string,
): { positionals: readonly string[]; args: Args } {
  const root = readToml(text, file);
  knownKeys(`${file}: `, root, ['ptp']);
  const ptp = table(root.ptp, `${file}: ptp`);
  const { role, addresses, ...rest } = ptp;
  knownKeys(`${file}: ptp`, rest, Object.keys(ptpCommand.options));
  const list = Array.isArray(addresses) ? addresses.map(String) : [];
  const positionals = [String(role ?? ''), ...list];
  const args = readArgs(command, ['ptp', ...positionals, ...argvOf(rest)]);
  if (args === null) throw new UsageError('no help in a file');
  return { positionals, args };
}

function argvOf(options: Table): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === false) return [];
    if (value === true) return [`--${name}`];
    return (Array.isArray(value) ? value : [value]).map((one) => `--${name}=${one}`);
  });
}
