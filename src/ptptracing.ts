/**
 * An ordinary PTP clock with path discovery (tracing.ts): probes are the slave port's next requests
 * (ptp/probe.ts), and what was granted on pairs that are parked is cancelled. A clock that is master
 * has no paths, and sends no probe (PATH-07).
 */
import { pathKey } from './path.ts';
import { createDiscovery } from './paths/discovery.ts';
import type { DiscoveryOptions } from './paths/settings.ts';
import { nextDue, type OrdinaryClock, setParked, stepOrdinaryClock } from './ptp/clock.ts';
import { readMessage } from './ptp/message.ts';
import {
  answeredProbe,
  PROBE_RANDOM_BYTES,
  probe,
  probeUnsent,
  returnedProbe,
} from './ptp/probe.ts';
import { createTracing, type Traceable, type Tracing } from './tracing.ts';
import type { Tick } from './units.ts';

/** Throws ConfigError. */
export const createTracingClock = (
  clock: OrdinaryClock,
  options: DiscoveryOptions,
  nowNs: Tick,
): Tracing => createTracing(traceable(clock), createDiscovery([], options, nowNs));

const traceable = (clock: OrdinaryClock): Traceable => ({
  randomBytes: 8,
  probeRandomBytes: PROBE_RANDOM_BYTES,
  isSilentAtFirst: true,
  // Nobody can stop what was never asked for: plain masters send to all
  isFixed: () => clock.requester === null,
  due: () => nextDue(clock),
  step: (input) => stepOrdinaryClock(clock, input),
  receive(input) {
    const { datagram } = input;
    const message = readMessage(datagram.bytes);
    const probed =
      typeof message === 'string' ? null : answeredProbe(clock.slave, message, datagram);
    const outputs = probed?.isLoose === true ? [] : stepOrdinaryClock(clock, input);
    return { outputs, answered: probed && { path: probed.path, id: probed.context } };
  },
  returned({ returned: { to, quoted }, local }) {
    const { slave } = clock;
    if (local.port !== slave.eventPort || to.port !== slave.remoteEventPort) return null;
    const path = pathKey(to.ip, local.ip);
    const id = returnedProbe(slave, path, quoted);
    return id === null ? null : { path, id };
  },
  probe: (path, hops, random, nowNs) => probe(clock.slave, path, hops, random, nowNs),
  probeUnsent: (path, context) => probeUnsent(clock.slave, path, context),
  setParked: (path, isParked, reason, nowNs) => setParked(clock, path, isParked, reason, nowNs),
});
