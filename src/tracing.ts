/**
 * The NTP client with path discovery: two machines under one timer. Discovery wishes for probes, the
 * client makes them of its own requests; discovery decides, the client parks and admits.
 */
import { type Input, type Output, RANDOM_BYTES, type ReturnedInput } from './machine.ts';
import {
  admitPath,
  type NtpClient,
  nextTimer,
  parkPath,
  pathOf,
  probe,
  probeInFlight,
  probeUnsent,
  returnedProbe,
  stepNtpClient,
} from './ntp/client.ts';
import type { PathKey } from './path.ts';
import {
  createDiscovery,
  type Discovery,
  discoveryDue,
  type Heard,
  stepDiscovery,
  type Wish,
} from './paths/discovery.ts';
import { icmpKind } from './paths/icmp.ts';
import type { DiscoveryOptions } from './paths/settings.ts';
import { type Tick, tick } from './units.ts';

/** Plain data. */
export interface TracingClient {
  readonly ntp: NtpClient;
  readonly discovery: Discovery;
  /** Probes handed to the host that it has not spoken of yet, by context. */
  handedOut: Record<number, PathKey>;
  /** The timer last asked for. */
  armedNs: Tick | null;
}

/**
 * Begin by arming a timer for {@link tracingDue}. Throws ConfigError.
 * @param serverOf names the server of a path; paths of one never give way to another's
 */
export function createTracingClient(
  ntp: NtpClient,
  options: DiscoveryOptions,
  nowNs: Tick,
  serverOf?: (path: PathKey) => string,
): TracingClient {
  const paths = ntp.paths.map(({ key }) => key);
  const discovery = createDiscovery(paths, options, nowNs, serverOf);
  const client: TracingClient = { ntp, discovery, handedOut: {}, armedNs: null };
  client.armedNs = tracingDue(client);
  return client;
}

/** When either machine wants its next `timeout`; null if none does. */
export function tracingDue({ ntp, discovery }: TracingClient): Tick | null {
  const one = nextTimer(ntp);
  const other = discoveryDue(discovery);
  if (one === null || other === null) return one ?? other;
  return tick(Math.min(one, other));
}

/** The one mutator, beside {@link stepTracingReturned}. */
export function stepTracingClient(client: TracingClient, input: Input): Output[] {
  const { nowNs } = input;
  const outputs: Output[] = [];
  switch (input.type) {
    case 'timeout':
      client.armedNs = null;
      timeout(client, input.random, nowNs, outputs);
      break;
    case 'unsent': {
      const path = takeProbe(client, input.context);
      if (path === undefined) outputs.push(...stepNtpClient(client.ntp, input));
      else {
        probeUnsent(client.ntp, path, input.context);
        const { context: id, code } = input;
        hear(client, { type: 'unsent', path, id, code }, nowNs, outputs);
      }
      break;
    }
    case 'datagram': {
      const { remote, local, receivedAtNs } = input.datagram;
      const path = pathOf(client.ntp, remote.ip, local);
      const id = probeInFlight(client.ntp, path);
      const { paths, index } = client.ntp;
      const isParked = paths[index[path] ?? -1]?.isParked ?? false;
      // What a parked path measures would count twice
      const told = stepNtpClient(client.ntp, input);
      outputs.push(...told.filter(({ type }) => !isParked || type !== 'exchange'));
      // Taken as its answer, be it a time or a kiss of death
      if (id !== null && probeInFlight(client.ntp, path) === null) {
        hear(client, { type: 'answered', path, id, receivedAtNs }, nowNs, outputs);
      }
      break;
    }
    case 'sent': {
      const path = takeProbe(client, input.context);
      outputs.push(...stepNtpClient(client.ntp, input));
      if (path === undefined) break;
      const { context: id, sentAtNs: atNs } = input;
      hear(client, { type: 'departed', path, id, atNs }, nowNs, outputs);
      break;
    }
    default:
      outputs.push(...stepNtpClient(client.ntp, input));
  }
  return finish(client, outputs, nowNs);
}

/** What routers send back; what is not of our probes says nothing. */
export function stepTracingReturned(client: TracingClient, input: ReturnedInput): Output[] {
  const { returned, local, nowNs } = input;
  const { routerIp, to, type, code, quoted, receivedAtNs } = returned;
  const outputs: Output[] = [];
  const kind = icmpKind(to.ip, type, code);
  if (kind === null || routerIp === null) return outputs;
  const path = pathOf(client.ntp, to.ip, local);
  const probed = returnedProbe(client.ntp, path, quoted);
  if (probed === null) return outputs;
  const { context: id, isPartial } = probed;
  const heard: Heard = { type: 'returned', path, id, routerIp, kind, receivedAtNs, isPartial };
  hear(client, heard, nowNs, outputs);
  return finish(client, outputs, nowNs);
}

/** Each machine that is due gets its part of the random bytes. */
function timeout(client: TracingClient, random: Uint8Array, nowNs: Tick, outputs: Output[]): void {
  const { ntp, discovery } = client;
  const ntpNs = nextTimer(ntp);
  if (ntpNs !== null && ntpNs <= nowNs) {
    const part = random.subarray(0, RANDOM_BYTES - OWN_RANDOM_BYTES);
    outputs.push(...stepNtpClient(ntp, { type: 'timeout', nowNs, random: part }));
  }
  const ownNs = discoveryDue(discovery);
  if (ownNs === null || ownNs > nowNs) return;
  const part = random.subarray(RANDOM_BYTES - OWN_RANDOM_BYTES);
  // A step wishes for one probe at most
  const wishes = stepDiscovery(discovery, { type: 'timeout', random: part.subarray(8) }, nowNs);
  grant(client, wishes, { outputs, nowNs, random: part.subarray(0, 8) });
}

/** Discovery's part of the random bytes: 8 for a probe, 8 of its own. */
const OWN_RANDOM_BYTES = 16;
const NO_RANDOM = new Uint8Array(0);

function hear(client: TracingClient, heard: Heard, nowNs: Tick, outputs: Output[]): void {
  const wishes = stepDiscovery(client.discovery, heard, nowNs);
  grant(client, wishes, { outputs, nowNs, random: NO_RANDOM });
}

function grant(
  client: TracingClient,
  wishes: readonly Wish[],
  { outputs, nowNs, random }: { outputs: Output[]; nowNs: Tick; random: Uint8Array },
): void {
  for (const wish of wishes) {
    if (wish.type === 'probe') {
      const made = probe(client.ntp, wish.path, wish.hops, random, nowNs);
      const { path } = wish;
      if (made === 'busy') hear(client, { type: 'busy', path }, nowNs, outputs);
      else if (made === 'stopped') {
        hear(client, { type: 'sent', path, id: NEVER_SENT }, nowNs, outputs);
        hear(client, { type: 'unsent', path, id: NEVER_SENT, code: 'EPERM' }, nowNs, outputs);
      } else {
        client.handedOut[made.context] = path;
        outputs.push(...made.outputs);
        hear(client, { type: 'sent', path, id: made.context }, nowNs, outputs);
      }
    } else if (wish.type === 'park') {
      const { why, inFavourOf } = wish.parking;
      const reason =
        why === 'redundant' ? `same route as ${inFavourOf}` : 'shares most with the others';
      outputs.push(...parkPath(client.ntp, wish.path, reason, nowNs));
    } else if (wish.type === 'admit') {
      outputs.push(...admitPath(client.ntp, wish.path, wish.reason, nowNs));
    }
  }
}

/** No context of a request is 0. */
const NEVER_SENT = 0;

function takeProbe(client: TracingClient, context: number): PathKey | undefined {
  const path = client.handedOut[context];
  delete client.handedOut[context];
  return path;
}

/** Tells discovery who answers; one timer for both machines. */
function finish(client: TracingClient, outputs: Output[], nowNs: Tick): Output[] {
  for (const output of [...outputs]) {
    if (output.type !== 'path') continue;
    const { path, event } = output;
    if (event !== 'reachable' && event !== 'unreachable' && event !== 'stopped') continue;
    hear(client, { type: 'contact', path, isSilent: event !== 'reachable' }, nowNs, outputs);
  }
  const kept = outputs.filter(({ type }) => type !== 'timer');
  const due = tracingDue(client);
  if (due !== null && due !== client.armedNs) kept.push({ type: 'timer', atNs: due });
  client.armedNs = due;
  return kept;
}
