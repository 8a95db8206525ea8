// The time range that the macros mean.
import { dateMath, dateTime, rangeUtil, type RawTimeRange, type TimeRange } from '@grafana/data';
import { TimeRangePicker } from '@grafana/ui';

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

export function RangePicker({ raw, onChange }: { raw: RawTimeRange; onChange: (raw: RawTimeRange) => void }) {
  const value = rangeOf(raw);
  const [from, to] = [value.from.valueOf(), value.to.valueOf()];
  const move = (begin: number, end: number) => onChange({ from: dateTime(begin), to: dateTime(Math.min(end, Date.now())) });
  const length = to - from;
  return (
    <TimeRangePicker
      value={value}
      timeZone="browser"
      onChange={(range) => onChange(range.raw)}
      onChangeTimeZone={() => {}}
      onMoveBackward={() => move(from - length / 2, to - length / 2)}
      onMoveForward={() => move(from + length / 2, to + length / 2)}
      onZoom={() => move(from - length / 2, to + length / 2)}
      isOnCanvas
    />
  );
}
