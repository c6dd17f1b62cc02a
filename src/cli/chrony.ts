/** `--chrony PATH`: the combined clock as a reference clock of a stock chronyd. */
import { chronySample, createChronyFeed, type Leap } from '../chrony.ts';
import type { Ensemble, Sample } from '../ensemble.ts';
import type { Host } from '../udp/udp.ts';
import { openUnixSender } from '../udp/unix.ts';
import type { Option } from './args.ts';

export const CHRONY_OPTION: Readonly<Record<'chrony', Option>> = {
  chrony: {
    type: 'string',
    value: 'PATH',
    help: 'feed chronyd: PATH of its "refclock SOCK PATH refid MPTS"',
  },
};

export interface ChronyOutput {
  /** @param leap asked when a sample is due */
  onSample(sample: Sample, ensemble: Ensemble, leap: () => Leap): void;
  close(): void;
}

/**
 * @param field how messages call the path
 * @param log one line when samples begin to arrive, one when they no longer do
 * @throws ConfigError for a path that cannot be, HostError where there are no such sockets
 */
export function openChrony(
  path: string,
  field: string,
  { clock }: Host,
  log: (text: string) => void,
): ChronyOutput {
  const sender = openUnixSender(path, field);
  const feed = createChronyFeed();
  let isOpen = true;
  let told: string | null = '';

  function tell(code: string | null): void {
    if (!isOpen || code === told) return;
    told = code;
    if (code === null) log(`chrony: samples go to ${path}`);
    else log(`chrony: ${path} takes no samples (${code}${hintOf(code)}), tried again`);
  }

  return {
    onSample(sample, ensemble, leap) {
      if (feed.consider(sample, clock.tick()) !== null) return;
      const us = Math.floor(clock.now() / 1000);
      const at = ensemble.cores[0]?.clockAt(clock.epochS, us * 1000) ?? null;
      if (at === null) return;
      const restUs = ((us % 1e6) + 1e6) % 1e6;
      const unixS = clock.epochS + (us - restUs) / 1e6;
      const offsetS = at.baseS + at.restS;
      void sender.send(chronySample({ unixS, us: restUs, offsetS, leap: leap() })).then(tell);
    },
    close() {
      isOpen = false;
      sender.close();
    },
  };
}

function hintOf(code: string): string {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return ': no chronyd listens there';
  return code === 'EACCES' || code === 'EPERM' ? ': not allowed to write to it' : '';
}
