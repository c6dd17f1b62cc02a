/**
 * Whether the interop lab can exist here, and suites that skip loudly where it cannot. With
 * CLOCKBRAID_INTEROP=required nothing skips: what is missing fails.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { suite } from 'uvu';
import type { Ground } from './ground.ts';

const PEERS = process.env.CLOCKBRAID_PEERS || '/opt/clockbraid-peers';

/** The unpacked stock programs, see peers.sh. */
export const PROGRAMS = {
  chronyd: join(PEERS, 'usr/sbin/chronyd'),
  chronyc: join(PEERS, 'usr/bin/chronyc'),
  ntpd: join(PEERS, 'usr/sbin/ntpd'),
  ntpq: join(PEERS, 'usr/bin/ntpq'),
} as const;

/** The unpacked stock PTP programs. */
export const PTP_PROGRAMS = {
  ptp4l: join(PEERS, 'usr/sbin/ptp4l'),
  pmc: join(PEERS, 'usr/sbin/pmc'),
  ptpd: join(PEERS, 'usr/sbin/ptpd'),
} as const;

/** The unpacked programs of the path labs. */
export const ROUTE_PROGRAMS = {
  scamper: join(PEERS, 'usr/bin/scamper'),
  nft: join(PEERS, 'usr/sbin/nft'),
  ethtool: join(PEERS, 'sbin/ethtool'),
  chronyd: PROGRAMS.chronyd,
  chronyc: PROGRAMS.chronyc,
} as const;

/** Environment in which the unpacked ntpq finds its modules. */
export const NTPQ_ENV = { PYTHONPATH: join(PEERS, 'usr/lib/python3/dist-packages') };

export type Requirement = { available: true } | { available: false; reasons: string[] };

/** What a suite needs: namespaces alone, or stock peers in them as well: NTP, PTP, path tools. */
export type Need = 'namespaces' | 'peers' | 'ptp' | 'routes';

const known = new Map<Need, Requirement>();
const told = new Set<string>();

/**
 * Looks once whether namespaces (and peers) are here; says loudly on stderr, once, why not.
 * @throws Error instead, if CLOCKBRAID_INTEROP is `required`
 */
export function requireLab(need: Need = 'peers'): Requirement {
  const found = known.get(need) ?? look(need);
  known.set(need, found);
  if (found.available) return found;
  const message = framed('INTEROP TESTS CANNOT RUN HERE', [
    ...found.reasons.map((reason) => `- ${reason}`),
    '',
    'To run them: as root on Debian 12, `test/interop/peers.sh`, then',
    '`node test/run.mjs --runtime node interop`; or everything at once: `.ci/run`.',
  ]);
  if (process.env.CLOCKBRAID_INTEROP === 'required') throw new Error(message);
  if (!told.has(message)) process.stderr.write(message);
  told.add(message);
  return found;
}

function look(need: Need): Requirement {
  const reasons: string[] = [];
  if (process.platform !== 'linux') {
    reasons.push(`network namespaces need Linux, this is ${process.platform}`);
    return { available: false, reasons };
  }
  const programs = ['ip', 'setpriv', 'tshark', 'dumpcap'];
  if (need !== 'namespaces') programs.push('ping');
  const lacking = programs.filter((name) => !onPath(name));
  if (lacking.length > 0) reasons.push(`programs missing: ${lacking.join(', ')}`);
  const peers: Record<string, string> = {
    namespaces: {},
    peers: PROGRAMS,
    ptp: PTP_PROGRAMS,
    routes: ROUTE_PROGRAMS,
  }[need];
  for (const [name, file] of Object.entries(peers)) {
    if (!executable(file)) reasons.push(`peer missing: ${name} (${file})`);
  }
  if (process.getuid?.() !== 0) reasons.push('not root: namespaces cannot be made');
  else if (onPath('ip')) {
    const name = `cb${process.pid}-probe`;
    const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
    if (made.status === 0) spawnSync('ip', ['netns', 'del', name]);
    else reasons.push(`\`ip netns add\` fails: ${made.stderr.trim()}`);
  }
  return reasons.length === 0 ? { available: true } : { available: false, reasons };
}

const onPath = (name: string): boolean =>
  (process.env.PATH ?? '').split(':').some((folder) => executable(join(folder, name)));

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function framed(title: string, lines: string[]): string {
  const bar = '='.repeat(78);
  return `\n${bar}\n== ${title}\n${lines.map((line) => `== ${line}`.trimEnd()).join('\n')}\n${bar}\n`;
}

/** Registers tests like a uvu suite; see {@link interopSuite}. */
export interface InteropSuite {
  (name: string, body: () => Promise<void>, timeoutS?: number): void;
  /** After each test, passed or failed. */
  afterEach(hook: () => Promise<void>): void;
  /** After the last test. */
  after(hook: () => Promise<void>): void;
  /**
   * A lab for all tests: made for the first that asks, its programs stopped after each test, closed
   * after the last.
   */
  shared<T extends Pick<Ground, 'stopAll' | 'close'>>(make: () => Promise<T>): () => Promise<T>;
  run(): void;
}

/**
 * A uvu suite whose tests are skipped where {@link requireLab} says no (one failing test instead
 * if interop is required), and which each fail after `timeoutS` (default 60 s): uvu has no limit.
 */
export function interopSuite(name: string, need: Need = 'peers'): InteropSuite {
  const test = suite(name);
  let available = false;
  try {
    available = requireLab(need).available;
  } catch (error) {
    test('interop is required (CLOCKBRAID_INTEROP) and possible here', () => {
      throw error;
    });
  }
  const register = (title: string, body: () => Promise<void>, timeoutS = 60): void => {
    if (!available) test.skip(title);
    else test(title, () => within(timeoutS, body));
  };
  const afterEach = (hook: () => Promise<void>): void => {
    if (available) test.after.each(hook);
  };
  const after = (hook: () => Promise<void>): void => {
    if (available) test.after(hook);
  };
  return Object.assign(register, {
    afterEach,
    after,
    shared<T extends Pick<Ground, 'stopAll' | 'close'>>(make: () => Promise<T>): () => Promise<T> {
      let made: Promise<T> | undefined;
      afterEach(async () => (await made)?.stopAll());
      after(async () => (await made)?.close());
      return () => {
        made ??= make();
        return made;
      };
    },
    run: () => test.run(),
  });
}

async function within(limitS: number, body: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitS} s`)), limitS * 1000);
  });
  try {
    await Promise.race([body(), limit]);
  } finally {
    clearTimeout(timer);
  }
}
