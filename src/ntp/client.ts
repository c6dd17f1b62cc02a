/**
 * MPNTP client machine, single-ended (one remote, N local addresses) and dual-ended (all pairs):
 * one association per path, nothing shared but the poll budget and a server's order to stop.
 * RFC 8039 §5.2.2, §5.3.2; RFC 5905 §8–§9, §13. Turns datagrams into exchanges; offsets are the
 * core's business. Begin by arming a timer for {@link nextTimer}.
 */
import { ConfigError } from '../errors.ts';
import { type Drops, type Input, noDrops, type Output, type Step } from '../machine.ts';
import { type PathKey, pathKey, requireIp } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import { type Association, createAssociation, type PathStatus, statusOf } from './association.ts';
import { type ClientConfig, type ClientPath, checkConfig, checkPath } from './config.ts';
import { refidOfIp } from './refid.ts';
import { receive, stoppedEvent } from './reply.ts';
import { poll, unsent } from './request.ts';
import { byPair, spread } from './schedule.ts';
import { arm, byContext, type NtpClient } from './state.ts';

export type { PathStatus } from './association.ts';
export type { ClientConfig, ClientPath } from './config.ts';
export {
  admitPath,
  PROBE_RANDOM_BYTES,
  parkPath,
  probe,
  probeInFlight,
  probeUnsent,
  returnedProbe,
} from './probe.ts';
export { type NtpClient, pathOf } from './state.ts';

/** Throws ConfigError. All paths must be of one family each and no pair may come twice. */
export function createNtpClient(config: ClientConfig): NtpClient {
  const settings = checkConfig(config);
  const client: NtpClient = {
    ...settings,
    lastPollNs: null,
    live: 0,
    paths: [],
    index: {},
    ownRefids: config.ownAddresses.map((ip, index) =>
      refidOfIp(requireIp(`ownAddresses.${index}`, ip)),
    ),
    deniedIps: {},
    nextContext: 1,
    timerNs: null,
    strays: { received: 0, drops: noDrops() },
  };
  const atNs = tick(config.nowNs + settings.burst * settings.burstSpacingNs);
  for (const path of config.paths) insert(client, path, atNs);
  shareBurst(client, config.nowNs);
  spread(client, config.nowNs);
  arm(client, [], true);
  return client;
}

/** When the machine wants its next `timeout`; null if it will never poll again. */
export const nextTimer = (client: NtpClient): Tick | null => client.timerNs;

/** The one mutator. Datagrams of strangers become `drop` outputs, never errors. */
export const stepNtpClient: Step<NtpClient> = (client: NtpClient, input: Input): Output[] => {
  switch (input.type) {
    case 'datagram':
      return receive(client, input.datagram, input.nowNs);
    case 'sent': {
      const path = byContext(client, input.context);
      if (path?.request) {
        path.request.sentAtNs = input.sentAtNs;
        path.request.sentKind = input.stampKind;
        path.tally.sent++;
        path.blocked = false;
      }
      return [];
    }
    case 'unsent':
      return unsent(client, input.context, input.code);
    case 'timeout':
      return poll(client, input.nowNs, input.random);
    case 'clock-step':
      // Send times read before the step say nothing about receipts after it
      for (const path of client.paths) {
        path.request = null;
        path.base = null;
      }
      return [];
  }
};

/** Takes up a path found later. Throws ConfigError if it exists, is malformed or one too many. */
export function addPath(client: NtpClient, path: ClientPath, nowNs: Tick): Output[] {
  const lastNs = Math.max(nowNs, ...client.paths.map((other) => other.gridNs));
  const added = insert(client, path, tick(lastNs + 1));
  added.burstNs = nowNs;
  spread(client, nowNs);
  const outputs: Output[] = [
    { type: 'path', path: added.key, event: 'added', reason: `server port ${added.remote.port}` },
  ];
  if (added.stopped !== null) outputs.push(stoppedEvent(added));
  return arm(client, outputs, false);
}

/** Gives a path up; what still arrives for it is `unknown-path`. Throws ConfigError if unknown. */
export function removePath(client: NtpClient, key: PathKey, nowNs: Tick): Output[] {
  const at = client.index[key];
  if (at === undefined) throw new ConfigError('path', 'a path of this client', key);
  client.paths.splice(at, 1);
  delete client.index[key];
  client.paths.forEach((path, position) => {
    client.index[path.key] = position;
  });
  spread(client, nowNs);
  return arm(client, [{ type: 'path', path: key, event: 'removed', reason: 'asked to' }], false);
}

/** One record per path, for display. */
export const status = (client: NtpClient): PathStatus[] => client.paths.map(statusOf);

/** Datagrams that belonged to no path, and why they were dropped. */
export const strays = (client: NtpClient): { received: number; drops: Drops } => ({
  received: client.strays.received,
  drops: { ...client.strays.drops },
});

function insert(client: NtpClient, wanted: ClientPath, atNs: Tick): Association {
  const { remote, localIp, localPort, interleaved } = checkPath(
    `paths.${client.paths.length}`,
    wanted,
  );
  const key = pathKey(remote.ip, localIp, localPort);
  if (client.index[key] !== undefined) throw new ConfigError('paths', 'each pair once', key);
  if (client.paths.length >= client.maxPaths) {
    throw new ConfigError('paths', `at most ${client.maxPaths} paths`, client.paths.length + 1);
  }
  const path = createAssociation(
    remote,
    { ip: localIp, port: localPort },
    {
      pollLog2S: client.minPollLog2S,
      burst: client.burst,
      atNs,
      interleaved,
    },
  );
  path.stopped = client.deniedIps[remote.ip] ?? null;
  client.index[key] = client.paths.length;
  client.paths.push(path);
  return path;
}

/** The quick first exchanges: pairs begin one after another, paths of one pair take turns. */
function shareBurst(client: NtpClient, nowNs: Tick): void {
  const { burst, burstSpacingNs } = client;
  const pairs = byPair(client.paths);
  let turn = 0;
  for (const paths of pairs.values()) {
    const startNs = nowNs + (turn++ * burstSpacingNs) / pairs.size;
    paths.forEach((path, lane) => {
      path.burstLeft = Math.ceil((burst - lane) / paths.length);
      path.burstNs = tick(Math.round(startNs + lane * burstSpacingNs));
    });
  }
}
