/**
 * The errors a user can meet. A stranger's bytes never become one of these:
 * they are counted as drops (see machine.ts).
 */

/** A mistake in what the caller asked for: which field, what it got, what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Dotted name of the field, e.g. `source.0.poll`. */
  readonly field: string;
  constructor(field: string, expected: string, got: unknown, options?: { cause?: unknown }) {
    super(`"${field}" expected ${expected}, got ${show(got)}`, options);
    this.field = field;
  }
}

/** The core does not fit this wrapper, is full, or trapped. */
export class CoreError extends Error {
  override readonly name = 'CoreError';
}

/** The operating system refused a socket, an address or a file. */
export class HostError extends Error {
  override readonly name = 'HostError';
}

/** Throws ConfigError unless `value` is an integer within the limits. */
export function requireInteger(field: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new ConfigError(field, `an integer ${low}..${high}`, value);
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return String(value);
}
