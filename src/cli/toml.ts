/** TOML texts; a syntax error names line and column. */
import { parse, TomlError } from 'smol-toml';
import { ConfigError } from '../errors.ts';
import type { Table } from '../fields.ts';

/**
 * @param file its name, for messages
 * @throws ConfigError
 */
export function readToml(text: string, file: string): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '');
    throw new ConfigError(`${file}:${error.line}:${error.column}`, 'TOML', reason, {
      cause: error,
    });
  }
}
