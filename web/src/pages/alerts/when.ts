// Spans of time that a silence may take.

export interface Preset {
  label: string;
  ms: number;
}

const HOUR_MS = 3_600_000;

export const PRESETS: Preset[] = [
  { label: '30 min', ms: HOUR_MS / 2 },
  { label: '2 h', ms: 2 * HOUR_MS },
  { label: '8 h', ms: 8 * HOUR_MS },
  { label: '1 day', ms: 24 * HOUR_MS },
  { label: '1 week', ms: 7 * 24 * HOUR_MS },
];
