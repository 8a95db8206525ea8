// Numbers, sizes, spans and times in words, by Grafana's formats: one reading everywhere.
import { dateTimeFormat, dateTimeFormatTimeAgo, formattedValueToString, getValueFormat } from '@grafana/data';

const NOTHING = '–';
const MINUTE_S = 60;

type Maybe = number | null | undefined;

const known = (value: Maybe): value is number => typeof value === 'number' && Number.isFinite(value);

function formatted(unit: string, value: Maybe, decimals?: number): string {
  return known(value) ? formattedValueToString(getValueFormat(unit)(value, decimals)) : NOTHING;
}

/** `0.42` → `420 ms`, `4.2` → `4.2 s`, `100` → `1.7 mins`. */
export function durationText(seconds: Maybe): string {
  if (!known(seconds)) {
    return NOTHING;
  }
  if (seconds === 0) {
    return '0 s';
  }
  if (seconds < 1) {
    return formatted('ms', Math.max(1, Math.round(seconds * 1000)), 0);
  }
  return formatted('s', seconds, seconds < MINUTE_S && seconds >= 10 ? 0 : 1);
}

/** The number and its unit apart, to be set in different sizes. */
export function durationParts(seconds: Maybe): { value: string; unit: string } {
  const [value, ...unit] = durationText(seconds).split(' ');
  return { value, unit: unit.join(' ') };
}

/** All digits: `12,345`. */
export const countText = (value: Maybe): string => formatted('locale', value, 0);

/** `12.3 K`, for where room is short. */
export const shortText = (value: Maybe): string => formatted('short', value, known(value) && Math.abs(value) >= 1000 ? 1 : undefined);

export const bytesText = (value: Maybe): string => formatted('bytes', value, known(value) && Math.abs(value) < 1024 ? 0 : 1);

/** Of a thousand, so that the steps of an axis are round. */
export const plotBytesText = (value: Maybe): string => formatted('decbytes', value, 0);

export const percentText = (ratio: Maybe, decimals = 0): string => formatted('percentunit', ratio, decimals);

export function rateText(value: Maybe): string {
  if (!known(value)) {
    return NOTHING;
  }
  return formatted('short', value, value > 0 && value < 100 ? 1 : 0);
}

/** `1 table`, `2 tables`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

export const localTime = (ms: number): string => dateTimeFormat(ms, { format: 'YYYY-MM-DD HH:mm:ss' });

export const utcTime = (ms: number): string => `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')} UTC`;

export const agoText = (ms: number): string => dateTimeFormatTimeAgo(ms);
