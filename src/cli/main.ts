/** The `clockbraid` program. Exit codes: 0 done, 1 failed or not synchronized, 2 usage or config. */
import process from 'node:process';
import { ConfigError, CoreError, HostError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { aboutCommand } from './about.ts';
import { type Command, helpOf, readArgs, UsageError } from './args.ts';
import { benchCommand } from './bench.ts';
import { checkCommand } from './check.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { processIo } from './io.ts';
import { pathsCommand } from './paths.ts';
import { ptpCommand } from './ptp.ts';
import { queryCommand } from './query.ts';
import { recordCommand } from './record.ts';
import { relayCommand } from './relay.ts';
import { replayCommand } from './replay.ts';
import { runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { simCommand } from './sim.ts';

const COMMANDS: readonly Command[] = [
  demoCommand,
  queryCommand,
  runCommand,
  pathsCommand,
  serveCommand,
  ptpCommand,
  relayCommand,
  checkCommand,
  recordCommand,
  replayCommand,
  simCommand,
  benchCommand,
  doctorCommand,
  aboutCommand,
];

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join('\n');
  return `clockbraid: time over many network paths at once (Multipath NTP and PTP, RFC 8039)

usage: clockbraid COMMAND [options]

${rows}

"clockbraid COMMAND --help" tells more. Exit codes: 0 done, 1 failed or not synchronized, 2 usage.
It only observes: no command sets or steers a clock.
`;
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const asked = COMMANDS.find((command) => command.name === rest[0]);
    process.stdout.write(asked === undefined ? overview() : helpOf(asked));
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V' || name === 'version')
    return aboutCommand.run(noArgs(), processIo());
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) {
    const near = nearest(
      name,
      COMMANDS.map((candidate) => candidate.name),
    );
    const guess = near === null ? '' : `, did you mean "${near}"?`;
    throw new UsageError(`unknown command "${name}"${guess}; see "clockbraid --help"`);
  }
  const args = readArgs(command, rest);
  if (args === null) {
    process.stdout.write(helpOf(command));
    return 0;
  }
  return command.run(args, processIo());
}

function noArgs() {
  const args = readArgs(aboutCommand, []);
  if (args === null) throw new UsageError('no arguments');
  return args;
}

function exitCode(error: unknown): number {
  return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const expected =
    error instanceof UsageError ||
    error instanceof ConfigError ||
    error instanceof HostError ||
    error instanceof CoreError;
  const text = error instanceof Error ? (expected ? error.message : error.stack) : String(error);
  process.stderr.write(`clockbraid: ${text}\n`);
  process.exitCode = exitCode(error);
}
// a socket or timer left over must not keep a finished program alive
if (process.stdout.writableLength === 0) process.exit();
else process.stdout.once('drain', () => process.exit());
