// The colour of a cell by share, and black or white on it, whichever reads better.

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

export function cellColors(share: number, accent: string, base: string): { background: string; text: string } {
  const part = 0.06 + 0.9 * Math.min(1, Math.max(0, share));
  const [over, under] = [parse(accent), parse(base)];
  const background = `#${over.map((v, i) => Math.round(v * part + under[i] * (1 - part)).toString(16).padStart(2, '0')).join('')}`;
  return { background, text: contrast(background, '#ffffff') >= contrast(background, '#000000') ? '#ffffff' : '#000000' };
}
