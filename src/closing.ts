/** Whatever users open closes once, whoever asks for it: they or their signal. */

/**
 * @param signal not aborted yet; who finds it aborted calls what this returns
 * @param end called once
 * @returns close(), every call of which gives what `end` gave
 */
export function closedBy(
  signal: AbortSignal | undefined,
  end: () => Promise<void>,
): () => Promise<void> {
  let closing: Promise<void> | undefined;
  const close = () => {
    signal?.removeEventListener('abort', onAbort);
    closing ??= end();
    return closing;
  };
  const onAbort = () => void close();
  signal?.addEventListener('abort', onAbort, { once: true });
  return close;
}
