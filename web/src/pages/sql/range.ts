// The time range of the SQL page, as it stands in the address.
import { dateMath, dateTime, rangeUtil, type RawTimeRange, type TimeRange } from '@grafana/data';

export const DEFAULT_RANGE: RawTimeRange = { from: 'now-6h', to: 'now' };

export const rangeOf = (raw: RawTimeRange): TimeRange => rangeUtil.convertRawToRange(raw);

/** From the address: `now-6h`, or milliseconds since 1970. */
export function rawOf(from: string | null, to: string | null): RawTimeRange {
  const one = (text: string | null, otherwise: string) => {
    if (text && /^\d{9,}$/.test(text)) {
      return dateTime(Number(text));
    }
    return text && dateMath.isMathString(text) && dateMath.toDateTime(text, {})?.isValid() ? text : otherwise;
  };
  return { from: one(from, String(DEFAULT_RANGE.from)), to: one(to, String(DEFAULT_RANGE.to)) };
}

export const textOf = (end: RawTimeRange['from']): string => (typeof end === 'string' ? end : String(end.valueOf()));
