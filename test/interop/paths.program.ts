/**
 * A client with discovery at work for a while, in whichever runtime this is. Bundled and started in
 * a namespace by paths.node.test.ts with a {@link Plan} as JSON; prints a JSON line after every round.
 */
import process from 'node:process';
import { openClient } from '../../src/client.ts';

export interface Plan {
  readonly server: string;
  readonly locals: readonly string[];
  readonly periodS: number;
  readonly seconds: number;
  /** Local ports per pair. (default 1) */
  readonly ports?: number;
}

export interface Line {
  readonly round: number;
  /** By path: its routers, or null where not all is known. */
  readonly routes: Readonly<Record<string, readonly string[] | null>>;
  readonly polling: readonly string[];
  /** Requests sent so far by path, probes included. */
  readonly sent: Readonly<Record<string, number>>;
  readonly events: readonly string[];
  /** Valid answers so far by path. */
  readonly valid: Readonly<Record<string, number>>;
  readonly localPorts: Readonly<Record<string, number | null>>;
}

const plan = JSON.parse(process.argv[2] ?? '{}') as Plan;
const events: string[] = [];
const client = await openClient({
  servers: [plan.server],
  locals: plan.locals,
  ports: plan.ports ?? 1,
  minPollLog2S: -2,
  budget: 'per-path',
  iburst: 0,
  stamps: 'kernel',
  discovery: {
    startS: 0.5,
    periodS: plan.periodS,
    probesPerS: 20,
    timeoutS: 0.5,
    arrivalSpacingS: 0.5,
  },
  events: {
    onPath: ({ event, path }) => {
      if (event === 'parked' || event === 'admitted') events.push(`${event} ${path}`);
    },
  },
});
const end = Date.now() + plan.seconds * 1000;
let rounds = 0;
while (Date.now() < end) {
  await new Promise((done) => setTimeout(done, 20));
  const view = client.routes();
  if (view === null || view.rounds === rounds) continue;
  rounds = view.rounds;
  const line: Line = {
    round: rounds,
    routes: Object.fromEntries(
      view.paths.map(({ path, hops, end: how }) => [
        path,
        how === 'remote' ? (hops?.map(({ routers }) => routers.join()) ?? null) : null,
      ]),
    ),
    polling: view.paths.flatMap(({ path, parking }) => (parking === null ? [path] : [])),
    valid: Object.fromEntries(client.status().paths.map(({ path, valid }) => [path, valid])),
    localPorts: Object.fromEntries(
      client.status().paths.map(({ path, localPort }) => [path, localPort]),
    ),
    sent: Object.fromEntries(client.status().paths.map(({ path, sent }) => [path, sent])),
    events: events.splice(0),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
await client.close();
process.exit(0);
