/**
 * Builds what `bench native` needs and the package does not: the C sources of bench/c with the
 * compiler of the machine, and the core's joint filter alone (assembly/bench.ts) in both builds.
 * Results lie in build/native under the hash of their sources and are built once.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const OUTDIR = join('build', 'native');
const C_SOURCES = join('bench', 'c');
/** No -march: what a distribution's package is built for. No contraction: same bits everywhere. */
export const C_FLAGS = ['-std=gnu11', '-O3', '-ffp-contract=off'] as const;
const AS_FLAGS = [
  ...['--config', join('bench', 'c', 'asconfig.json'), '--runtime', 'stub', '--use', 'abort='],
  ...['--initialMemory', '32', '--maximumMemory', '32', '-O3', '--converge', '--noAssert'],
];
const BUILDS = { simd: ['--enable', 'simd', '--enable', 'bulk-memory'], scalar: [] } as const;
export type Build = keyof typeof BUILDS;

export interface Compiler {
  readonly command: string;
  /** First line of --version. */
  readonly version: string;
  /** What it compiles for by default: `x86_64-linux-gnu`. */
  readonly target: string;
}

const { CC } = process.env;
const COMMANDS = [...(CC ? [CC] : []), 'cc', 'gcc', 'clang'];

/** $CC, cc, gcc or clang, whichever is there first; null if none is. */
export function findCompiler(commands: readonly string[] = COMMANDS): Compiler | null {
  for (const command of commands) {
    const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    if (status !== 0) continue;
    const machine = spawnSync(command, ['-dumpmachine'], { encoding: 'utf8' });
    const [version = command] = stdout.split('\n');
    return { command, version, target: machine.status === 0 ? machine.stdout.trim() : '?' };
  }
  return null;
}

/** Compiles bench/c. @returns the program's path @throws Error with what the compiler says */
export function buildC({ command, version }: Compiler): string {
  const files = sourcesIn(C_SOURCES, /\.[ch]$/);
  const path = join(OUTDIR, `bench-${hashOf([command, version, ...C_FLAGS], files)}`);
  const sources = files.filter((file) => file.endsWith('.c'));
  return once(path, (to) => run(command, [...C_FLAGS, '-o', to, ...sources, '-lm']));
}

/** Compiles assembly/bench.ts with the flags of the core. @returns the module's bytes */
export function buildJoint(build: Build): Uint8Array {
  const files = ['bench', 'joint', 'memory'].map((name) => join('assembly', `${name}.ts`));
  const path = join(
    OUTDIR,
    `joint-${build}-${hashOf([...AS_FLAGS, ...BUILDS[build]], files)}.wasm`,
  );
  const asc = join('node_modules', 'assemblyscript', 'bin', 'asc');
  const flags = [...AS_FLAGS, ...BUILDS[build]];
  const [entry = ''] = files;
  once(path, (to) => run('node', [asc, entry, ...flags, '--binaryFile', to]));
  return new Uint8Array(readFileSync(path));
}

function sourcesIn(folder: string, pattern: RegExp): string[] {
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  return names.sort().map((name) => join(folder, name));
}

/** FNV-1a over words and files' contents, 8 hex digits. */
function hashOf(words: readonly string[], files: readonly string[]): string {
  let state = 0x811c9dc5;
  for (const text of [...words, ...files.map((file) => readFileSync(file, 'utf8'))]) {
    for (const letter of `${text}\n`) {
      state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
    }
  }
  return state.toString(16).padStart(8, '0');
}

/** Several runtimes may build the same at once: each builds its own, the last one in place stays. */
function once(path: string, make: (to: string) => void): string {
  if (existsSync(path)) return path;
  mkdirSync(OUTDIR, { recursive: true });
  const mine = path.replace(/(\.wasm)?$/, `.${process.pid}$1`);
  make(mine);
  renameSync(mine, path);
  return path;
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, [...args], { encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(`${command} failed: ${error?.message ?? stderr.trim()}`);
}
