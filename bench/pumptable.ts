/** The table of `pump`: what the pumps of the Linux host cost, and how soon a datagram is handed out. */
import type { Made, Plan } from './compare.ts';
import type { StampsFigures } from './stamps.ts';
import { loopback, quantile } from './stampslinks.ts';
import type { Row } from './table.ts';

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
  const cells = new Map<string, Map<string, number[][]>>();
  const hosts = new Set<string>();
  const add = (group: string, name: string, column: number, value: number) => {
    const rows = cells.get(group) ?? new Map<string, number[][]>();
    const lists = rows.get(name) ?? crews.map((): number[] => []);
    lists[column]?.push(value);
    cells.set(group, rows.set(name, lists));
  };
  const link = await loopback(crews, workerFile, say);
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [column, { worker, ip, reflector, reflectorIp }] of link.ends.entries()) {
        const { runtime = '' } = crews[column] ?? {};
        say(`pump: round ${round + 1} of ${rounds} in ${runtime}`);
        for (const { name, ...kind } of KINDS) {
          if (kind.pump === 'async' && runtime === 'bun') continue; // it has none
          const { port } = await reflector.ask<{ port: number }>({
            ask: 'reflect',
            end: { ...kind, ip: reflectorIp },
          });
          const to = { ip: reflectorIp, port };
          const exchanges = { ...kind, ip, to, count: COUNT, everyMs: EVERY_MS };
          const figures = await worker.ask<StampsFigures>({ ask: 'stamps', exchanges });
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
            const sorted = values.map((s) => s * 1e6).sort((a, b) => a - b);
            add(group, `${name}, p50`, column, quantile(sorted, 0.5));
            add(group, `${name}, p99`, column, quantile(sorted, 0.99));
          }
          const errors = figures.basic.map((s) => Math.abs(s) * 1e6).sort((a, b) => a - b);
          add('error of a basic NTP offset (us)', `${name}, p50`, column, quantile(errors, 0.5));
          add('error of a basic NTP offset (us)', `${name}, p99`, column, quantile(errors, 0.99));
        }
      }
    }
  } finally {
    await link.close();
  }
  const rows = [...cells].flatMap(([group, names]) =>
    [...names].map(([name, values]): Row => ({ name, group, values })),
  );
  const table = {
    name: 'pump',
    title: 'Pumps of the Linux host, over loopback',
    unit: `less is better, median of ${rounds} rounds of ${COUNT} exchanges`,
    columns: crews.map(({ about }) => ({
      name: `${about.runtime} ${about.version}`,
      ratio: false,
    })),
    rows,
    notes: ['both processes use the same pump; CPU: of the asking one', ...hosts],
  };
  return { tables: [table] };
}
