/**
 * Answers to management messages: every GET that pmc knows for the data sets, from what the clock
 * knows now; SET and COMMAND are refused. IEEE 1588-2008 §15; linuxptp where it is silent. Answers
 * go by unicast to whoever asked (EP-112) and are few (SEC-08).
 */
import type { DropReason, Output } from '../machine.ts';
import { isUnicast } from '../path.ts';
import type { Tick } from '../units.ts';
import { type Allowance, type AllowanceConfig, allow, createAllowance } from './allowance.ts';
import type { Datasets } from './dataset.ts';
import { type Ports, PTP_PORTS } from './groups.ts';
import { createHeader } from './header.ts';
import { ALL_CLOCKS, ALL_PORTS, type PortIdentity } from './identity.ts';
import type { Incoming } from './incoming.ts';
import { managementErrorTlv, managementName, managementTlv } from './management.ts';
import type { Management } from './message.ts';
import { packet } from './outgoing.ts';
import type { PortDS } from './portds.ts';
import type { Tlv } from './tlv.ts';
import { type About, clockData, portData, type Told } from './told.ts';

export interface AgentConfig {
  /** Kept, not copied. */
  readonly sets: Datasets;
  /** All ports of the clock. Kept, not copied. */
  readonly portSets: readonly PortDS[];
  readonly about: About;
  readonly nowNs: Tick;
  /** Own UDP ports. Default 319 and 320. */
  readonly ports?: Ports;
  /** UDP ports of all others. Default as own. */
  readonly remotePorts?: Ports;
  /** Default 64/s an address, 256/s in all, and more with many ports. */
  readonly allowance?: AllowanceConfig;
}

/** Plain data. */
export interface Agent extends Told {
  readonly ports: Ports;
  readonly remotePorts: Ports;
  readonly allowance: Allowance;
}

/** Throws ConfigError. */
export function createAgent(config: AgentConfig): Agent {
  const { sets, portSets, about, ports = PTP_PORTS, remotePorts = ports } = config;
  const each = 4 * portSets.length; // a wildcard draws one answer a port
  const perAddressPerS = Math.max(64, each);
  const usual = { perAddressPerS, totalPerS: 4 * perAddressPerS };
  const allowance = createAllowance('ptp.management', config.allowance ?? usual, config.nowNs);
  return { sets, portSets, about, ports, remotePorts, allowance, lastSyncNs: 0n };
}

/**
 * All answers to one message, or why there is none.
 * @param ingress the port that it came in by
 */
export function answerManagement(
  agent: Agent,
  request: Management,
  incoming: Incoming & { readonly ingress: PortIdentity },
  nowNs: Tick,
): Output[] {
  const answers = answersTo(agent, request, incoming);
  if (typeof answers === 'string') return drop(answers, incoming);
  const { remote } = incoming;
  if (!allow(agent.allowance, remote.ip, answers.length, nowNs)) {
    return drop('rate-limited', incoming);
  }
  const route = { localIp: incoming.local.ip, remoteIp: remote.ip };
  return answers.map(({ source, tlv }) => packet(agent, reply(agent, request, source, tlv), route));
}

/** One answer: which port gives it, and what it says. */
interface Answer {
  readonly source: PortIdentity;
  readonly tlv: Tlv;
}

function answersTo(
  agent: Agent,
  request: Management,
  incoming: Incoming & { readonly ingress: PortIdentity },
): readonly Answer[] | DropReason {
  const { header, targetPortIdentity: target, action } = request;
  const { defaultDS } = agent.sets;
  if (header.domainNumber !== defaultDS.domainNumber) return 'domain';
  if (header.majorSdoId !== 0) return 'sdo';
  if (!isUnicast(incoming.remote.ip)) return 'denied';
  const isForUs = [ALL_CLOCKS, defaultDS.clockIdentity].includes(target.clockIdentity);
  if (!isForUs) return 'target';
  const [tlv, ...more] = request.tlvs;
  if (tlv?.type !== 'MANAGEMENT' || more.length > 0) return 'tlv';
  if (action === 'RESPONSE' || action === 'ACKNOWLEDGE') return 'action';
  const { ingress: source } = incoming;
  const no = (error: Parameters<typeof managementErrorTlv>[0]): Answer[] => [
    { source, tlv: managementErrorTlv(error, tlv.managementId) },
  ];
  const name = managementName(tlv.managementId);
  if (name === undefined) return no('NO_SUCH_ID');
  if (action !== 'GET') return no('NOT_SUPPORTED'); // as ptp4l over UDP
  const data = clockData(agent, name);
  if (data !== null) return [{ source, tlv: managementTlv(data) }];
  const answers: Answer[] = [];
  for (const portDS of agent.portSets) {
    const { portNumber } = portDS.portIdentity;
    if (target.portNumber !== ALL_PORTS.portNumber && target.portNumber !== portNumber) continue;
    const said = portData(agent, portDS, name, incoming.local.ip);
    if (said === null) return no('NOT_SUPPORTED');
    answers.push({ source: portDS.portIdentity, tlv: managementTlv(said) });
  }
  return answers.length === 0 ? no('WRONG_VALUE') : answers; // no such port: interpretation 21
}

/** As linuxptp writes it: back to the asker, as many hops as the request took. */
function reply(agent: Agent, request: Management, source: PortIdentity, tlv: Tlv): Management {
  const { header, startingBoundaryHops, boundaryHops } = request;
  const hops = Math.max(0, startingBoundaryHops - boundaryHops);
  return {
    type: 'Management',
    header: createHeader('Management', {
      sourcePortIdentity: source,
      domainNumber: agent.sets.defaultDS.domainNumber,
      sequenceId: header.sequenceId,
      flags: { unicast: true },
    }),
    targetPortIdentity: header.sourcePortIdentity,
    startingBoundaryHops: hops,
    boundaryHops: hops,
    action: request.action === 'COMMAND' ? 'ACKNOWLEDGE' : 'RESPONSE',
    tlvs: [tlv],
  };
}

const drop = (reason: DropReason, { remote }: Incoming): Output[] => [
  { type: 'drop', reason, from: remote },
];
