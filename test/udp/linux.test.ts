/** The Linux host under the suite of all hosts. */
import { suite } from 'uvu';
import { chooseHost } from '../../src/udp/choose.ts';
import { linuxHost } from '../../src/udp/linux/host.ts';
import { groupSuite } from './groups.ts';
import { udpSuite } from './suite.ts';

const found = linuxHost();
if (typeof found === 'string') {
  const skipped = suite('Linux host');
  skipped(`SKIPPED: ${found}`, () => {
    console.log(`\nSKIPPED Linux host: ${found}`);
  });
  skipped.run();
} else {
  udpSuite(found.name, () => chooseHost('kernel'), 'kernel');
  groupSuite(found.name, () => chooseHost('kernel'), 'kernel');
}
