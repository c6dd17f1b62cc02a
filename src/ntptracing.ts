/** The NTP client with path discovery (tracing.ts): probes are its next requests (ntp/probe.ts). */
import {
  admitPath,
  type NtpClient,
  nextTimer,
  PROBE_RANDOM_BYTES,
  parkPath,
  pathOf,
  probe,
  probeInFlight,
  probeUnsent,
  returnedProbe,
  stepNtpClient,
} from './ntp/client.ts';
import type { PathKey } from './path.ts';
import { createDiscovery } from './paths/discovery.ts';
import type { DiscoveryOptions } from './paths/settings.ts';
import { createTracing, type Traceable, type Tracing } from './tracing.ts';
import type { Tick } from './units.ts';

/**
 * Throws ConfigError.
 * @param serverOf names the server of a path; paths of one never give way to another's
 */
export function createTracingClient(
  ntp: NtpClient,
  options: DiscoveryOptions,
  nowNs: Tick,
  serverOf?: (path: PathKey) => string,
): Tracing {
  const paths = ntp.paths.map(({ key }) => key);
  return createTracing(traceable(ntp), createDiscovery(paths, options, nowNs, serverOf));
}

const traceable = (ntp: NtpClient): Traceable => ({
  randomBytes: 16,
  probeRandomBytes: PROBE_RANDOM_BYTES,
  isSilentAtFirst: false,
  isFixed: () => false,
  due: () => nextTimer(ntp),
  step: (input) => stepNtpClient(ntp, input),
  receive(input) {
    const { remote, local } = input.datagram;
    const path = pathOf(ntp, remote.ip, local);
    const id = probeInFlight(ntp, path);
    const isParked = ntp.paths[ntp.index[path] ?? -1]?.isParked ?? false;
    const told = stepNtpClient(ntp, input);
    // What a parked path measures would count twice
    const outputs = told.filter(({ type }) => !isParked || type !== 'exchange');
    // Taken as its answer, be it a time or a kiss of death
    const isAnswered = id !== null && probeInFlight(ntp, path) === null;
    return { outputs, answered: isAnswered ? { path, id } : null };
  },
  returned({ returned: { to, quoted }, local }) {
    const path = pathOf(ntp, to.ip, local);
    const probed = returnedProbe(ntp, path, quoted);
    return probed && { path, id: probed.context, isPartial: probed.isPartial };
  },
  probe: (path, hops, random, nowNs) => probe(ntp, path, hops, random, nowNs),
  probeUnsent: (path, context) => probeUnsent(ntp, path, context),
  setParked: (path, isParked, reason, nowNs) =>
    (isParked ? parkPath : admitPath)(ntp, path, reason, nowNs),
});
