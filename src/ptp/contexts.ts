/**
 * The numbers of transmit outputs: they tell which port of a clock sent, and whether as slave or as
 * master. Of port i of n the slave's are 2 n k + 2 i, and the master's 2 n k + 2 i + 1.
 */
import type { Output } from '../machine.ts';
import type { OrdinaryClock } from './clockstate.ts';

/** The slave numbers its own. */
export const slaveContexts = (portNumber: number, numberPorts: number) => ({
  first: 2 * numberPorts + 2 * (portNumber - 1),
  step: 2 * numberPorts,
});

/** Which port of a clock a transmit output was of. */
export const portOfContext = (context: number, numberPorts: number): number =>
  Math.floor((context % (2 * numberPorts)) / 2);

export const isOfMaster = (context: number): boolean => context % 2 === 1;

/** The master's own number. */
export const ofMaster = ({ sets }: OrdinaryClock, context: number): number =>
  Math.floor(context / (2 * sets.defaultDS.numberPorts));

/** The master's outputs as the clock's. */
export function numbered({ sets, portDS }: OrdinaryClock, outputs: Output[]): Output[] {
  const first = 2 * (portDS.portIdentity.portNumber - 1) + 1;
  const step = 2 * sets.defaultDS.numberPorts;
  return outputs.map((output) =>
    output.type === 'transmit' && output.context !== undefined
      ? { ...output, context: step * output.context + first }
      : output,
  );
}
