/**
 * The clock closes: what it asked for and what it granted is cancelled, so that nobody sends to
 * ports that are gone, or waits for what will not come. IEEE 1588-2008 §16.1.4.3 (SEC-08).
 */
import type { Output } from '../machine.ts';
import type { Tick } from '../units.ts';
import { wantNothing } from './asks.ts';
import type { OrdinaryClock } from './clockstate.ts';
import { stepGrantor, stopServing } from './grantor.ts';
import { REQUEST_RANDOM_BYTES, stepRequester } from './requester.ts';

/** The cancels of one port, each said once: nobody will be there to hear an answer. */
export function farewell({ grantor, requester, portDS }: OrdinaryClock, nowNs: Tick): Output[] {
  if (portDS.portState === 'INITIALIZING' || portDS.portState === 'FAULTY') return [];
  const outputs: Output[] = [];
  if (grantor !== null) {
    stopServing(grantor, nowNs);
    outputs.push(...stepGrantor(grantor, nowNs));
  }
  if (requester !== null) {
    wantNothing(requester, nowNs);
    const asks = [...requester.asks.values()].flat().length;
    outputs.push(...stepRequester(requester, nowNs, new Uint8Array(REQUEST_RANDOM_BYTES * asks)));
  }
  return outputs.filter(({ type }) => type === 'transmit');
}
