/** SVG elements as text; every attribute and text is escaped here and nowhere else. */

export type Attributes = Readonly<Record<string, string | number>>;

/** `x` rounded for a picture: two decimals are below a pixel. */
const figure = (value: number): string => String(Math.round(value * 100) / 100);

export const escapeXml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** An element; its content is markup already. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const list = Object.entries(attributes)
    .map(
      ([key, value]) => ` ${key}="${typeof value === 'number' ? figure(value) : escapeXml(value)}"`,
    )
    .join('');
  return content === '' ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`;
}

export const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escapeXml(content));

export const line = (
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  attributes: Attributes = {},
): string => element('line', { x1, y1, x2, y2, ...attributes });

/** A whole picture with a white ground. */
export function picture(width: number, height: number, title: string, content: string): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${figure(width)} ${figure(height)}`,
    width,
    height,
    role: 'img',
    'font-family': 'DejaVu Sans, Verdana, Helvetica, Arial, sans-serif',
    'font-size': 12,
  };
  const ground = element('rect', { width, height, fill: '#ffffff' });
  const name = element('title', {}, escapeXml(title));
  return `${element('svg', attributes, `\n${name}\n${ground}\n${content}\n`)}\n`;
}
