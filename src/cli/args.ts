/** Commands as tables: parsing, checking and `--help` all come from the same rows. */
import { parseArgs } from 'node:util';
import { ConfigError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { Io } from './io.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** Name of the value in the help, e.g. `SECONDS`. */
  readonly value?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** What follows the name, e.g. `HOST… [options]`. */
  readonly usage: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Further lines of help: units, examples. */
  readonly details?: string;
  readonly positionals: { readonly least: number; readonly most: number; readonly name: string };
  run(args: Args, io: Io): Promise<number>;
}

export interface Args {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  /** A number within limits, or the default. Throws ConfigError. */
  number<D extends number | undefined>(name: string, fallback: D, limits: Limits): number | D;
  /** One of the allowed words, or the default. Throws ConfigError. */
  choice<T extends string>(name: string, fallback: T, allowed: readonly T[]): T;
}

export interface Limits {
  readonly least: number;
  readonly most: number;
  readonly integer?: boolean;
}

/** The user asked for something no command offers; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const HELP: Option = { type: 'boolean', help: 'show this help' };

/** Reads a command's arguments; null if help was asked for. Throws UsageError, ConfigError. */
export function readArgs(command: Command, argv: readonly string[]): Args | null {
  const options: Record<string, Option> = { ...command.options, help: HELP };
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(options, joinNegatives(options, argv));
  } catch (error) {
    throw new UsageError(`${sentence(error, options)}; see "clockbraid ${command.name} --help"`);
  }
  const values = parsed.values as Values;
  if (values.help === true) return null;
  const { positionals } = parsed;
  const { least, most, name } = command.positionals;
  if (positionals.length < least || positionals.length > most) {
    const wanted = most === 0 ? 'no argument' : least === most ? `${least}` : `${least} to ${most}`;
    const got = positionals.length > most ? `"${positionals[most]}" too` : `${positionals.length}`;
    throw new UsageError(
      `"clockbraid ${command.name}" takes ${wanted}${most === 0 ? '' : ` ${name}`}, got ${got}; see "clockbraid ${command.name} --help"`,
    );
  }
  return argsOf(positionals, values, (key) => `--${key}`);
}

/** What options were given: text, true, or texts of those that may be repeated. */
export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[]>>;

/** Arguments from values. @param nameOf how messages call an option */
export function argsOf(
  positionals: readonly string[],
  values: Values,
  nameOf: (key: string) => string,
): Args {
  const text = (key: string) => {
    const value = values[key];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    positionals,
    flag: (key) => values[key] === true,
    text,
    texts(key) {
      const value = values[key];
      return Array.isArray(value) ? value.map(String) : [];
    },
    number(key, fallback, { least: low, most: high, integer = false }) {
      const given = text(key);
      if (given === undefined) return fallback;
      const value = given.trim() === '' ? Number.NaN : Number(given);
      if (!(value >= low && value <= high) || (integer && !Number.isInteger(value))) {
        throw new ConfigError(
          nameOf(key),
          `${integer ? 'an integer' : 'a number'} ${low}..${high}`,
          given,
        );
      }
      return value;
    },
    choice(key, fallback, allowed) {
      const given = text(key);
      if (given === undefined) return fallback;
      const found = allowed.find((word) => word === given);
      if (found === undefined) {
        throw new ConfigError(nameOf(key), `one of ${allowed.join(', ')}`, given);
      }
      return found;
    },
  };
}

/** `--poll -4` means `--poll=-4`: a value that looks like an option but is a number. */
function joinNegatives(
  options: Readonly<Record<string, Option>>,
  argv: readonly string[],
): string[] {
  const joined: string[] = [];
  for (const word of argv) {
    const last = joined.at(-1);
    const takesValue = last?.startsWith('--') && options[last.slice(2)]?.type === 'string';
    if (takesValue && /^-[\d.]/.test(word)) joined[joined.length - 1] = `${last}=${word}`;
    else joined.push(word === '-h' ? '--help' : word);
  }
  return joined;
}

function parse(options: Readonly<Record<string, Option>>, argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    strict: true,
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, multiple = false }]) => [
        name,
        { type, multiple },
      ]),
    ),
  });
}

/** The first sentence of what parseArgs says, with a guess at what was meant. */
function sentence(error: unknown, options: Readonly<Record<string, Option>>): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /Unknown option '--?([^']+)'/.exec(message)?.[1];
  if (unknown !== undefined) {
    const near = nearest(unknown, Object.keys(options));
    return `unknown option "--${unknown}"${near === null ? '' : `, did you mean "--${near}"?`}`;
  }
  return message.split(/\. |\n/)[0]?.replace(/'/g, '"') ?? message;
}

/** The help page of one command. */
export function helpOf(command: Command): string {
  const rows = Object.entries({ ...command.options, help: HELP }).map(([name, option]) => {
    const value = option.value === undefined ? '' : ` ${option.value}`;
    return [
      `  --${name}${value}`,
      option.help + (option.multiple ? ' (may be repeated)' : ''),
    ] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const options = rows.map(([left, right]) => `${left.padEnd(width)}${right}`).join('\n');
  const details = command.details === undefined ? '' : `\n${command.details.trimEnd()}\n`;
  return `clockbraid ${command.name}: ${command.summary}\n\nusage: clockbraid ${command.name} ${command.usage}\n\n${options}\n${details}`;
}
