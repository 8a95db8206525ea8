// Colours that can be read: how much two differ, a cell's colour by share with black or white on it, a text colour made strong enough.

const parse = (hex: string): number[] => {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(hex);
  const full = short ? `#${short[1]}${short[1]}${short[2]}${short[2]}${short[3]}${short[3]}` : hex;
  const found = /^#([0-9a-f]{6})/i.exec(full);
  return found ? [0, 2, 4].map((i) => parseInt(found[1].slice(i, i + 2), 16)) : (hex.match(/[\d.]+/g) ?? ['0', '0', '0']).slice(0, 3).map(Number);
};

function luminance(color: string): number {
  const [r, g, b] = parse(color).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** The colour, mixed with black or white until it stands out from the base; 3 is what WCAG asks of large text, 4.5 of small. */
export function readable(color: string, base: string, least: number): string {
  const toward = luminance(base) > 0.4 ? 0 : 255;
  const from = parse(color);
  for (let part = 0; part <= 1; part += 0.05) {
    const mixed = hex(from.map((v) => v + (toward - v) * part));
    if (contrast(mixed, base) >= least) {
      return part === 0 ? color : mixed;
    }
  }
  return hex([toward, toward, toward]);
}

const hex = (rgb: number[]) => `#${rgb.map((v) => Math.round(v).toString(16).padStart(2, '0')).join('')}`;

export function cellColors(share: number, accent: string, base: string): { background: string; text: string } {
  const part = 0.06 + 0.9 * Math.min(1, Math.max(0, share));
  const [over, under] = [parse(accent), parse(base)];
  const background = hex(over.map((v, i) => v * part + under[i] * (1 - part)));
  return { background, text: contrast(background, '#ffffff') >= contrast(background, '#000000') ? '#ffffff' : '#000000' };
}
