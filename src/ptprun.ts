/**
 * What all PTP clocks of the library do alike: own time, sockets and groups of every port, one
 * ensemble of cores, readers, events. Which machine it is, ptpclock.ts and boundaryclock.ts say.
 */
import { closedBy } from './closing.ts';
import { type CombinedClock, type CombinerName, type Core, createCore } from './core.ts';
import { type Drive, drive, type GroupAddress, type Report } from './drive.ts';
import { createEnsemble, type Ensemble, type Sample } from './ensemble.ts';
import { requireInteger } from './errors.ts';
import {
  type Address,
  type Drops,
  type Input,
  noDrops,
  type Output,
  type PathEvent,
  type PortOutput,
  type ReturnedInput,
} from './machine.ts';
import { type Now, remoteNow } from './now.ts';
import type { PathKey } from './path.ts';
import type { Discovery } from './paths/discovery.ts';
import type { OrdinaryClock, OrdinaryClockConfig } from './ptp/clock.ts';
import type { TimePropertiesDS } from './ptp/dataset.ts';
import { farewell } from './ptp/farewell.ts';
import { peerGroup, primaryGroup } from './ptp/groups.ts';
import type { LeapTable } from './ptp/leapseconds.ts';
import { offsetFromMasterNs } from './ptp/slave.ts';
import { type OwnSource, ownTime } from './ptp/timeprops.ts';
import { onlyCounted, type PtpPathView, viewPtpPaths } from './ptpstatus.ts';
import { createReaders } from './reader.ts';
import { chooseHost, type Stamps } from './udp/choose.ts';
import { type Host, type PumpMode, type StampKind, stampsOf } from './udp/udp.ts';
import type { Stamp, Tick } from './units.ts';
import { VERSION } from './version.ts';
import { keepVotes } from './voting.ts';

/** What users say of any PTP clock, beside what the machine is told. */
export interface PtpRunOptions {
  /** Combiner by name. Default `braid`. */
  readonly combiner?: CombinerName;
  /** Combiners run beside it on the same measurements, for comparison. */
  readonly compare?: readonly CombinerName[];
  /** What is said of the local clock while it is served. Default: an internal oscillator. */
  readonly source?: OwnSource;
  /** Hop limit of what goes by multicast. (1–255, default 1) */
  readonly hops?: number;
  /** Clocks on this machine hear our multicast, too. */
  readonly loopback?: boolean;
  readonly leapTable?: LeapTable | null;
  readonly signal?: AbortSignal;
  /** Whose stamps, see {@link Stamps}. (default `auto`) */
  readonly stamps?: Stamps;
  /** How datagrams with kernel stamps are fetched, see {@link PumpMode}. (default `timer`) */
  readonly pump?: PumpMode;
  /** Default: the runtime's own, with these stamps. */
  readonly host?: Host;
  readonly events?: PtpEvents;
}

/** Called synchronously; must not throw. */
export interface PtpEvents {
  onSample?(sample: Sample, ensemble: Ensemble): void;
  /** Paths come (`added`) and go (`removed`) with masters and their addresses. */
  onPath?(event: PathEvent): void;
  onPort?(event: PortOutput): void;
  onDrop?(reason: string, from: string): void;
  onClockStep?(byS: number): void;
  onSocketError?(local: string, code: string): void;
}

/** What every machine is told when it starts. */
export type Start = Required<
  Pick<OrdinaryClockConfig, 'own' | 'problem' | 'epochS' | 'nowNs' | 'about'>
>;

/** One of the machines. */
export interface PtpMachine {
  readonly ports: readonly OrdinaryClock[];
  /** Those that bring addresses and groups. Default all. */
  readonly bound?: readonly OrdinaryClock[];
  /** The key of a port's path among those of all. Default its own. */
  keyOf?(port: OrdinaryClock, key: PathKey): PathKey;
  step(input: Input): Output[];
  /** Of its paths, if it traces them. */
  readonly discovery?: Discovery;
  /** What routers send back, for a machine that wants to know. */
  stepReturned?(input: ReturnedInput): Output[];
  firstTimer(): Tick | null;
  /** A socket of ours is in trouble. */
  hearError(local: Address, code: string, nowNs: Tick): Output[];
  /** Nobody takes datagrams at an address. */
  hearUnreachable(remoteIp: string, nowNs: Tick): Output[];
  /** Our own time is this from now on. */
  tellOwn(own: TimePropertiesDS, problem: string | null): void;
  /** After every measurement that made a clock. */
  onClock?(core: Core, atNs: Stamp): void;
  /** What the clock is ahead of the host's as it is served. Default 0. (whole s) */
  aheadS?(): number;
}

/** What users can do with any PTP clock. */
export interface PtpHandle extends AsyncDisposable {
  /** Master's time now as UTC; null while nothing is known. */
  now(): Now | null;
  /** Every measurement and the clock after it. Ends when this closes. */
  samples(): AsyncIterableIterator<Sample>;
  readonly host: Host;
  readonly ensemble: Ensemble;
  close(): Promise<void>;
}

/** What of the status is the same for all. */
export interface PtpRunStatus {
  readonly clock: CombinedClock | null;
  readonly paths: readonly PtpPathView[];
  readonly drops: Readonly<Record<string, number>>;
  /** Why our own time has no leap second count, one sentence; null if it has. */
  readonly problem: string | null;
  readonly host: string;
  /** Why there are no kernel stamps though they were wished for, one sentence; else null. */
  readonly whyPlain: string | null;
  /** How datagrams are fetched; null: as the runtime does, without kernel stamps. */
  readonly pump: PumpMode | null;
  /** Why the pump is not `async` though that was wished for, one sentence; else null. */
  readonly whyTimer: string | null;
  readonly combiner: CombinerName;
}

export interface PtpRun<Machine extends PtpMachine> {
  readonly machine: Machine;
  readonly handle: PtpHandle;
  status(nowNs: Tick): PtpRunStatus;
}

/** A clock that nobody steers or vouches for. */
const FREE_RUNNING: OwnSource = {
  timeSource: 0xa0,
  timeTraceable: false,
  frequencyTraceable: false,
};

/**
 * Opens two sockets per address and the groups, and starts.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound
 */
export async function runPtp<Machine extends PtpMachine>(
  options: PtpRunOptions,
  create: (start: Start) => Machine,
): Promise<PtpRun<Machine>> {
  options.signal?.throwIfAborted();
  const host = options.host ?? chooseHost(options.stamps, options.pump);
  const { epochS } = host.clock;
  const { leapTable = null, source = FREE_RUNNING, events, hops = 1, loopback = false } = options;
  requireInteger('ptp.hops', hops, 1, 255);
  const hostS = () => epochS + Math.floor(host.clock.now() / 1e9);
  let ownS = hostS();
  let own = ownTime(leapTable, ownS, source);
  const machine = create({
    own: own.properties,
    problem: own.problem,
    epochS,
    nowNs: host.clock.tick(),
    about: { productDescription: 'clockbraid;;', revisionData: `;;${VERSION}` },
  });
  const core = createCore(options.combiner === undefined ? {} : { combiner: options.combiner });
  const rest: Core[] = (options.compare ?? []).map((combiner) => createCore({ combiner }));
  const ensemble = createEnsemble([core, ...rest], epochS);
  const voting = machine.discovery && keepVotes(machine.discovery, ensemble);
  const keyOf = machine.keyOf ?? ((_: OrdinaryClock, key: PathKey) => key);
  const { bound = machine.ports } = machine;
  const drops: Drops = noDrops();
  const readers = createReaders();

  /** Leap seconds take effect with the second that they are in. */
  function refreshOwn(): void {
    const nowS = hostS() + (machine.aheadS?.() ?? 0);
    if (nowS === ownS) return;
    ownS = nowS;
    own = ownTime(leapTable, nowS, source);
    machine.tellOwn(own.properties, own.problem);
  }

  function report(output: Report): void {
    switch (output.type) {
      case 'drop':
        drops[output.reason]++;
        events?.onDrop?.(output.reason, output.from.ip);
        return;
      case 'port':
        events?.onPort?.(output);
        return;
      case 'path':
        if (output.event === 'added') ensemble.open(output.path);
        if (output.event === 'removed') ensemble.close(output.path);
        events?.onPath?.(output);
        return;
      case 'oneway': {
        const sample = ensemble.take(output);
        if (sample === null) return;
        for (const port of machine.ports) {
          const isIts = port.slave.paths.some(({ key }) => keyOf(port, key) === output.path);
          if (isIts) tellOffset(port, ensemble, sample);
        }
        if (sample.clock !== null) machine.onClock?.(core, host.clock.now());
        events?.onSample?.(sample, ensemble);
        readers.push(sample);
      }
    }
  }

  let running: Drive | null = null;
  const isMulticast = bound.some(({ masters }) => masters === null);
  const driven = await drive({
    host,
    state: machine,
    step(state, input) {
      refreshOwn();
      const outputs = state.step(input);
      voting?.();
      return outputs;
    },
    ...(machine.stepReturned && {
      stepReturned(state: Machine, input: ReturnedInput) {
        const outputs = state.stepReturned?.(input) ?? [];
        voting?.();
        return outputs;
      },
    }),
    locals: bound.flatMap(({ addresses, ports: { event, general } }) =>
      addresses.flatMap((ip) => [event, general].map((port) => ({ ip, port }))),
    ),
    ...(isMulticast && { multicast: { hops, loopback } }),
    groups: bound.flatMap(groupsOf),
    firstTimer: machine.firstTimer(),
    onReport: report,
    onClockStep: (byS) => events?.onClockStep?.(byS),
    onSocketError(local, code) {
      events?.onSocketError?.(local.ip, code);
      running?.perform(machine.hearError(local, code, host.clock.tick()));
    },
    onUnreachable: (remoteIp) =>
      running?.perform(machine.hearUnreachable(remoteIp, host.clock.tick())),
  });
  running = driven;

  const close = closedBy(options.signal, () => {
    readers.end();
    const nowNs = host.clock.tick();
    driven.perform(machine.ports.flatMap((port) => farewell(port, nowNs)));
    return driven.close();
  });
  if (options.signal?.aborted) await close();

  /** By the event socket of an address. */
  const stamps =
    ({ ports }: OrdinaryClock) =>
    (localIp: string): StampKind => {
      const socket = driven.sockets.find(
        ({ local }) => local.ip === localIp && local.port === ports.event,
      );
      return socket === undefined ? 'user' : stampsOf(socket);
    };

  const handle: PtpHandle = {
    host,
    ensemble,
    now: () => remoteNow(core, host.clock),
    samples: () => readers.open(),
    close,
    [Symbol.asyncDispose]: close,
  };
  const status = (nowNs: Tick): PtpRunStatus => ({
    clock: core.clock(),
    paths: machine.ports.flatMap((port) => {
      const reportOf = (key: PathKey) => ensemble.report(keyOf(port, key));
      const views = viewPtpPaths(port, reportOf, nowNs, stamps(port));
      return views.map((view) => ({ ...view, path: keyOf(port, view.path) }));
    }),
    drops: onlyCounted(drops),
    problem: own.problem,
    host: host.name,
    whyPlain: host.whyPlain ?? null,
    pump: host.pump ?? null,
    whyTimer: host.whyTimer ?? null,
    combiner: core.combiner,
  });
  return { machine, handle, status };
}

/** currentDS, with PTP's sign. */
function tellOffset({ sets }: OrdinaryClock, ensemble: Ensemble, { path, clock }: Sample): void {
  if (clock !== null) sets.currentDS.offsetFromMasterNs = offsetFromMasterNs(clock.offsetS);
  const delayS = ensemble.report(path)?.delayS;
  if (delayS !== undefined) sets.currentDS.meanPathDelayNs = (delayS * 1e9) / 2;
}

/** Where the clock listens: Announces and management at every address, the rest where it is used. */
function groupsOf(clock: OrdinaryClock): GroupAddress[] {
  const { masters, ports, scope, primaryIp, portDS, addresses, multicastSync, mode } = clock;
  if (masters !== null) return [];
  const groups = addresses.map((ip) => ({
    group: primaryGroup(ip, scope),
    local: { ip, port: ports.general },
  }));
  const hasEvents = mode === 'plain' || multicastSync;
  if (!hasEvents) return groups;
  const event = { ip: primaryIp, port: ports.event };
  groups.push({ group: primaryGroup(primaryIp, scope), local: event });
  if (portDS.delayMechanism === 1) return groups;
  const peers = peerGroup(primaryIp);
  const general = { ip: primaryIp, port: ports.general };
  return [...groups, { group: peers, local: event }, { group: peers, local: general }];
}
