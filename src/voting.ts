/** Hands what path discovery knows of shared routers to the combiners (COMB-13). */
import type { Ensemble } from './ensemble.ts';
import { type Discovery, votesOf } from './paths/discovery.ts';

/** To be called after every step: does something only when discovery has decided anew. */
export function keepVotes(discovery: Discovery, ensemble: Ensemble): () => void {
  let seen = 0;
  return () => {
    if (discovery.decisions === seen) return;
    seen = discovery.decisions;
    for (const [path, vote] of votesOf(discovery)) ensemble.setVote(path, vote);
  };
}
