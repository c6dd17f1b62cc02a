/** `clockbraid ptp boundary`: what its ports were asked for, as options of the library. */
import type { BoundaryClockOptions, BoundaryPortConfig } from '../boundaryclock.ts';
import { ConfigError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { canonicalIp } from '../path.ts';
import { type Args, argsOf, type Command, UsageError } from './args.ts';
import { DISCOVERY_OPTIONS } from './discovery.ts';
import { given, ptpOptions } from './ptpargs.ts';

/** Options that belong to the clock, or to the program. All others may differ by port. */
const OF_CLOCK = new Set([
  ...['port', 'clock-identity', 'domain', 'priority1', 'priority2', 'clock-class', 'hops'],
  ...Object.keys(DISCOVERY_OPTIONS),
  ...[
    'event-port',
    'general-port',
    'leap-file',
    'combiner',
    'seconds',
    'record',
    'json',
    'stamps',
    'pump',
  ],
]);
/** Options that make no sense for all ports alike. */
const OF_ONE = ['master', 'primary', 'unicast'];
/** Only ports have it: a port that is never a master. */
const SLAVE_ONLY = 'slave-only';

type Options = Command['options'];
type Values = Record<string, string | true | string[]>;

interface Spec {
  readonly where: string;
  readonly addresses: readonly string[];
  readonly values: Values;
}

/** Throws ConfigError, UsageError. */
export function boundaryOptions(args: Args, options: Options): BoundaryClockOptions {
  const specs = args.texts('port').map((text) => specOf(text, options));
  const [first] = specs;
  if (first === undefined) {
    throw new UsageError('"clockbraid ptp boundary" needs --port ADDR, twice at least');
  }
  const wrong = OF_ONE.find(
    (name) => args.flag(name) || args.text(name) || args.texts(name).length,
  );
  if (wrong !== undefined) {
    throw new UsageError(`"--${wrong}" is one port's: --port ${first.addresses[0]},${wrong}…`);
  }
  if (args.texts('domain').length > 1) throw new UsageError('a boundary clock has one "--domain"');
  const { clock, clockIdentity, mac, ports: udpPorts, hops, combiner } = optionsOf(args, first);
  return {
    ...given({ clock, udpPorts, hops, combiner, clockIdentity, mac }),
    ports: specs.map((spec) => portOf(args, spec)),
  };
}

function portOf(args: Args, spec: Spec): BoundaryPortConfig {
  const all = optionsOf(args, spec);
  const { clock, clockIdentity, mac, ports, hops, combiner, domains, ...port } = all;
  return port;
}

/** As if the clock had this port only. */
function optionsOf(args: Args, spec: Spec) {
  const { args: both, role, addresses } = argsOfPort(args, spec);
  return ptpOptions(both, role, addresses);
}

/** What each port was asked for, its own options over those of all. Throws ConfigError. */
export const argsOfPorts = (args: Args, options: Options) =>
  args.texts('port').map((text) => argsOfPort(args, specOf(text, options)));

function argsOfPort(args: Args, { where, addresses, values }: Spec) {
  const own = argsOf([], values, (name) => `${where}: ${name}`);
  const isOwn = (name: string) => name in values;
  const both: Args = {
    positionals: [],
    flag: (name) => own.flag(name) || args.flag(name),
    text: (name) => own.text(name) ?? args.text(name),
    texts: (name) => (isOwn(name) ? own : args).texts(name),
    number: (name, fallback, limits) => (isOwn(name) ? own : args).number(name, fallback, limits),
    choice: (name, fallback, allowed) => (isOwn(name) ? own : args).choice(name, fallback, allowed),
  };
  const role: 'slave' | 'master' = own.flag(SLAVE_ONLY) ? 'slave' : 'master';
  return { args: both, role, addresses };
}

/** `ADDR[,ADDR…][,option[=value]…]` */
function specOf(text: string, options: Options): Spec {
  const addresses: string[] = [];
  const values: Values = {};
  const where = `--port ${text.split(',')[0]}`;
  for (const word of text.split(',').map((part) => part.trim())) {
    const [name = '', ...rest] = word.split('=');
    const value = rest.length > 0 ? rest.join('=') : undefined;
    if (value === undefined && canonicalIp(word) !== null) addresses.push(word);
    else take(values, name, value, options, where);
  }
  if (addresses.length === 0) throw new ConfigError('--port', 'an IP address of ours', text);
  return { where, addresses, values };
}

function take(
  values: Values,
  name: string,
  value: string | undefined,
  options: Options,
  where: string,
): void {
  const ofPorts = [...Object.keys(options).filter((key) => !OF_CLOCK.has(key)), SLAVE_ONLY];
  if (!ofPorts.includes(name)) {
    const near = nearest(name, ofPorts);
    const guess = near === null ? '' : `, perhaps "${near}"`;
    const expected = OF_CLOCK.has(name)
      ? `an option of a port, which "--${name}" is not`
      : `an IP address or an option${guess}`;
    throw new ConfigError(where, expected, name);
  }
  const option = options[name];
  if (option === undefined || option.type === 'boolean') {
    if (value !== undefined) throw new ConfigError(`${where}: ${name}`, 'no value', value);
    values[name] = true;
    return;
  }
  if (value === undefined || value === '') {
    throw new ConfigError(`${where}: ${name}`, `a value, ${name}=${option.value}`, 'none');
  }
  const before = values[name];
  if (option.multiple === true) values[name] = [...(Array.isArray(before) ? before : []), value];
  else values[name] = value;
}
