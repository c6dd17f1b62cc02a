/** Tells the two forms of a recording apart by the first byte. */
import { isMap } from './reader.ts';

export type RecordingForm = 'msgpack' | 'jsonlines';

/**
 * @param bytes at least one byte of the start
 * @returns `msgpack` for a MessagePack map (no text in UTF-8 starts like that), else `jsonlines`
 */
export function detectForm(bytes: Uint8Array): RecordingForm {
  return isMap(bytes[0]) ? 'msgpack' : 'jsonlines';
}
