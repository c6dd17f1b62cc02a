/** The table of `pump`: what the pumps of the Linux host cost, and how soon a datagram is handed out. */
import { type Made, type Plan, runtimeColumns } from './compare.ts';
import { exchangeOver, loopback, quantilesUs } from './stampslinks.ts';
import { gatherRows } from './table.ts';

const KINDS = [
  { name: 'timer', stamps: 'kernel', pump: 'timer' },
  { name: 'async', stamps: 'kernel', pump: 'async' },
  { name: 'plain sockets', stamps: 'plain', pump: 'timer' },
] as const;
const MOST_ROUNDS = 3;
/** 100 packets/s each way. */
const COUNT = 150;
const EVERY_MS = 10;
const IDLE_MS = 1000;

export async function pumpTables(plan: Plan): Promise<Made> {
  const { crews, workerFile, say } = plan;
  const rounds = Math.min(plan.rounds, MOST_ROUNDS);
  const { add, rows } = gatherRows(crews.length);
  const hosts = new Set<string>();
  const link = await loopback(crews, workerFile, say);
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [column, ends] of link.ends.entries()) {
        const { worker, ip, reflector } = ends;
        const { runtime = '' } = crews[column] ?? {};
        say(`pump: round ${round + 1} of ${rounds} in ${runtime}`);
        for (const { name, ...kind } of KINDS) {
          if (kind.pump === 'async' && runtime === 'bun') continue; // it has none
          const exchanges = { ...kind, count: COUNT, everyMs: EVERY_MS };
          const figures = await exchangeOver(ends, exchanges);
          await reflector.ask({ ask: 'unreflect' });
          const end = { ...kind, ip };
          const { cpu } = await worker.ask<{ cpu: number }>({ ask: 'idle', end, ms: IDLE_MS });
          hosts.add(`${name} in ${runtime}: ${figures.host}`);
          add('CPU without packets (% of a core)', name, column, cpu * 100);
          add('CPU of 100 exchanges/s (% of a core)', name, column, figures.cpu * 100);
          const spans: [string, readonly number[]][] = [
            ['from the receipt to the handler (us)', figures.handoverS],
            ['from a request’s receipt to its answer’s departure (us)', figures.turnaroundS],
          ];
          for (const [group, values] of spans) {
            if (kind.stamps === 'plain') continue; // its stamps are the handler's
            for (const [share, us] of quantilesUs(values)) {
              add(group, `${name}, ${share}`, column, us);
            }
          }
          for (const [share, us] of quantilesUs(figures.basic.map(Math.abs))) {
            add('error of a basic NTP offset (us)', `${name}, ${share}`, column, us);
          }
        }
      }
    }
  } finally {
    await link.close();
  }
  const table = {
    name: 'pump',
    title: 'Pumps of the Linux host, over loopback',
    unit: `less is better, median of ${rounds} rounds of ${COUNT} exchanges`,
    columns: runtimeColumns(plan, false),
    rows: rows(),
    notes: ['both processes use the same pump; CPU: of the asking one', ...hosts],
  };
  return { tables: [table] };
}
