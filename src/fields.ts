/** Fields of data that a user wrote (TOML): each one checked, each mistake one clear sentence. */
import { ConfigError } from './errors.ts';
import { nearest } from './nearest.ts';

/** A table of TOML. */
export type Table = Readonly<Record<string, unknown>>;

export function knownKeys(at: string, table: Table, known: readonly string[]): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const guess = near === null ? known.join(', ') : `"${near}" perhaps`;
    throw new ConfigError(
      at.endsWith(': ') ? `${at}${key}` : `${at}.${key}`,
      `a known key (${guess})`,
      key,
    );
  }
}

export function table(value: unknown, at: string): Table {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(at, 'a table', value);
  }
  return value as Table;
}

export function tables(value: unknown, at: string): Table[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ConfigError(at, 'an array of tables ([[…]])', value);
  return value.map((entry, index) => table(entry, `${at}.${index}`));
}

export function optionalText(value: unknown, at: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw new ConfigError(at, 'a text', value);
  return value;
}

export function texts(value: unknown, at: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
    throw new ConfigError(at, 'an array of texts', value);
  }
  return value;
}

export function integer(
  value: unknown,
  at: string,
  least: number,
  most: number,
  fallback: number,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new ConfigError(at, `an integer ${least}..${most}`, value);
  }
  return value;
}

export function word<T extends string>(
  value: unknown,
  at: string,
  allowed: readonly T[],
  fallback: T,
): T {
  if (value === undefined) return fallback;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new ConfigError(at, `one of ${allowed.join(', ')}`, value);
  return found;
}

export interface Limits {
  readonly least: number;
  readonly most: number;
}

/** A finite number within limits, or the default. */
export function number(value: unknown, at: string, limits: Limits, fallback: number): number {
  if (value === undefined) return fallback;
  const { least, most } = limits;
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw new ConfigError(at, `a number ${least}..${most}`, value);
  }
  return value;
}

export function flag(value: unknown, at: string, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new ConfigError(at, 'true or false', value);
  return value;
}
