// The time range that the macros mean.
import { dateTime, type RawTimeRange } from '@grafana/data';
import { TimeRangePicker } from '@grafana/ui';
import { rangeOf } from './range';

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
