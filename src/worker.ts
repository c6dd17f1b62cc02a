/** The bundle that a worker's thread runs (udp/thread.ts). */
import { type Plan, work } from './responder/work.ts';
import { runThread, threadData } from './udp/thread.ts';

const plan = threadData() as Plan | null;
if (plan !== null) runThread((onReady) => work(plan, onReady));
