/**
 * One runtime's end of the bench: reads a request per line from stdin, does it, and answers with
 * one line of JSON on stdout. It never works unasked, so that only one runtime works at a time.
 * What is not JSON on stdout is talk for people.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { comparisons } from './core.ts';
import { flood } from './flood.ts';
import { generate, type LoadFigures, type LoadOptions } from './load.ts';
import { drained, type Warm, warm } from './measure.ts';
import { generatePtp, type PtpLoadFigures, type PtpLoadOptions } from './ptpload.ts';
import { measurePtpRms, type PtpRmsFigures, type PtpRmsOptions } from './ptprms.ts';
import { type ReplayFigures, replayBench } from './replay.ts';
import {
  type End,
  exchangeStamps,
  idleCost,
  reflect,
  type StampsFigures,
  type StampsOptions,
  unreflect,
} from './stamps.ts';

export type Request =
  | { readonly ask: 'about' }
  | { readonly ask: 'warm'; readonly comparison: string }
  | { readonly ask: 'round' }
  | { readonly ask: 'replay'; readonly exchanges: number; readonly rounds: number }
  | { readonly ask: 'load'; readonly load: LoadOptions }
  | { readonly ask: 'ptpload'; readonly load: PtpLoadOptions }
  | { readonly ask: 'ptprms'; readonly slave: PtpRmsOptions }
  | { readonly ask: 'reflect'; readonly end: End }
  | { readonly ask: 'unreflect' }
  | { readonly ask: 'stamps'; readonly exchanges: StampsOptions }
  | { readonly ask: 'idle'; readonly end: End; readonly ms: number };

export interface About {
  readonly runtime: string;
  readonly version: string;
  readonly engine: string;
}
/** What a comparison is, without its code. */
export interface Described {
  readonly digest: string;
  readonly title: string;
  readonly operation: string;
  readonly notes: readonly string[];
  readonly cases: readonly { readonly name: string; readonly group: string }[];
}
/** ns per operation, by case. */
export type Round = readonly number[];
export interface Replayed {
  readonly figures: readonly Omit<ReplayFigures, 'summary'>[];
  /** Highest resident set of the process so far, bytes; null where /proc is missing. */
  readonly peakBytes: number | null;
}

export type Answer =
  | About
  | Described
  | { readonly ns: Round }
  | Replayed
  | LoadFigures
  | PtpLoadFigures
  | PtpRmsFigures
  | { readonly port: number }
  | { readonly cpu: number }
  | StampsFigures;

let current: Warm | null = null;

async function answer(request: Request): Promise<Answer> {
  switch (request.ask) {
    case 'about':
      return about();
    case 'warm': {
      const make = comparisons[request.comparison];
      if (make === undefined) throw new Error(`no comparison "${request.comparison}"`);
      const comparison = make();
      current = warm(comparison);
      const { title, operation, notes } = comparison;
      const cases = comparison.cases.map(({ name, group }) => ({ name, group }));
      return { digest: comparison.digest(), title, operation, notes, cases };
    }
    case 'round':
      if (current === null) throw new Error('nothing is warm');
      return { ns: current.round() };
    case 'replay': {
      const { exchanges, rounds } = request;
      const figures = await replayBench({ exchanges, rounds });
      return { figures: figures.map(({ summary: _, ...rest }) => rest), peakBytes: peak() };
    }
    case 'load':
      return flood(request.load) ?? (await generate(request.load));
    case 'ptpload':
      return await generatePtp(request.load);
    case 'ptprms':
      return await measurePtpRms(request.slave);
    case 'reflect':
      return { port: await reflect(request.end) };
    case 'unreflect':
      return { port: await unreflect() };
    case 'stamps':
      return await exchangeStamps(request.exchanges);
    case 'idle':
      return { cpu: await idleCost(request.end, request.ms) };
  }
}

function about(): About {
  const versions: Record<string, string | undefined> = process.versions;
  const runtime =
    versions.bun !== undefined ? 'bun' : versions.deno !== undefined ? 'deno' : 'node';
  const engine = runtime === 'bun' ? 'JavaScriptCore' : `V8 ${versions.v8 ?? '?'}`;
  return { runtime, version: versions[runtime] ?? '?', engine };
}

function peak(): number | null {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return kilobytes === null ? null : Number(kilobytes[1]) * 1024;
  } catch {
    return null;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    console.log(JSON.stringify({ error: `${message}${why}` }));
  }
}
if (Number.isNaN(drained())) console.error('bench: a case computed NaN');
