/**
 * What labs stand on: namespaces, a folder and programs that do not outlive this process, however it
 * ends; what an earlier one left that was killed outright is swept.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { configureKernel, ip } from './net.ts';
import { keepRunning, killAll, type Running, type RunOptions } from './spawn.ts';

/** What every lab offers. */
export interface Ground {
  /** A fresh folder, removed by close(). */
  scratch(name: string): string;
  /** Starts a program; stopAll() and close() stop it if nobody did before. */
  start(ns: string, argv: readonly string[], options?: RunOptions): Running;
  /** Stops what was started and still runs. */
  stopAll(): Promise<void>;
  /** stopAll(), then removes namespaces and folders. Safe to call again. */
  close(): Promise<void>;
}

/** What its maker needs besides. */
export interface Site extends Ground {
  /** Makes a namespace. @returns its name, in which `name` is the last word */
  namespace(name: string, forwards?: boolean): Promise<string>;
}

/** Everything of this process that must not outlive it. */
const namespaces = new Set<string>();
const folders = new Set<string>();
let labs = 0;

/**
 * Builds a lab on a site of its own.
 * @throws what `build` throws; nothing is left behind then
 */
export async function onSite<T>(build: (site: Site) => Promise<T>): Promise<T & Ground> {
  const site = createSite();
  const { scratch, start, stopAll, close } = site;
  try {
    return { ...(await build(site)), scratch, start, stopAll, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function createSite(): Site {
  const prefix = newPrefix();
  const folder = mkdtempSync(join(tmpdir(), `clockbraid-lab-${process.pid}-`));
  folders.add(folder);
  const own: string[] = [];
  const { start, stopAll } = keepRunning();
  return {
    async namespace(name, forwards = false) {
      const ns = `${prefix}-${name}`;
      own.push(ns);
      await createNamespace(ns, forwards);
      return ns;
    },
    scratch: (name) => mkdtempSync(join(folder, `${name}-`)),
    start,
    stopAll,
    async close() {
      await stopAll();
      own.forEach(removeNamespace);
      removeFolder(folder);
    },
  };
}

/** What names of namespaces begin with, so that a later run can sweep them. */
export function newPrefix(): string {
  watchExit();
  sweepDead();
  return `cb${process.pid}-${labs++}`;
}

/** A namespace that goes when this process does, at the latest. */
export async function createNamespace(ns: string, forwards: boolean): Promise<void> {
  namespaces.add(ns);
  ip(['netns', 'add', ns]);
  await configureKernel(ns, forwards);
}

export function removeNamespace(ns: string): void {
  if (namespaces.delete(ns)) spawnSync('ip', ['netns', 'del', ns]);
}

function removeFolder(folder: string): void {
  if (folders.delete(folder)) rmSync(folder, { recursive: true, force: true });
}

let watching = false;

/** However this process ends (short of SIGKILL), nothing stays. */
function watchExit(): void {
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    killAll();
    namespaces.forEach(removeNamespace);
    folders.forEach(removeFolder);
  });
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(codes[signal]));
  }
}

/** Removes what an earlier run left that was killed outright: names carry the pid. */
function sweepDead(): void {
  const list = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  for (const [, name = '', pid] of list.matchAll(/^(cb(\d+)-\d+-\w+)/gm)) {
    if (isDead(Number(pid))) spawnSync('ip', ['netns', 'del', name]);
  }
  for (const folder of readdirSync(tmpdir())) {
    const pid = /^clockbraid-lab-(\d+)-/.exec(folder)?.[1];
    if (pid !== undefined && isDead(Number(pid))) {
      rmSync(join(tmpdir(), folder), { recursive: true, force: true });
    }
  }
}

function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
