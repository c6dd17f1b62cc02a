/** PTPText: one octet of length, then UTF-8. IEEE 1588-2008 §5.3.9. */

/** Largest PTPText in octets, without its length. */
export const MAX_TEXT_BYTES = 255;

// Standard in every runtime, but in no ECMAScript library TypeScript knows.
interface TextScope {
  readonly TextDecoder: new (
    label: string,
    options: { ignoreBOM: boolean },
  ) => { decode(bytes: Uint8Array): string };
  readonly TextEncoder: new () => {
    encodeInto(text: string, bytes: Uint8Array): { written: number };
  };
}
const { TextDecoder, TextEncoder } = globalThis as unknown as TextScope;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The text at `at`, or null if it overruns the bytes. Octets that are no UTF-8 become U+FFFD.
 * @returns `next` the octet after it
 */
export function readText(bytes: Uint8Array, at: number): { text: string; next: number } | null {
  const length = bytes[at];
  if (length === undefined || at + 1 + length > bytes.length) return null;
  const next = at + 1 + length;
  return { text: decoder.decode(bytes.subarray(at + 1, next)), next };
}

/** Length octet and text; what exceeds {@link MAX_TEXT_BYTES} is cut between characters. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(1 + MAX_TEXT_BYTES);
  const { written } = encoder.encodeInto(text, bytes.subarray(1));
  bytes[0] = written;
  return bytes.slice(0, 1 + written);
}
