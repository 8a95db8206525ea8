// A panel's own time: `timeFrom` (the last so long) and `timeShift` (so long ago), on top of the dashboard's range.
import { dateMath, getDefaultTimeRange, rangeUtil, type TimeRange } from '@grafana/data';
import { SceneTimeRangeTransformerBase, sceneGraph, type SceneComponentProps, type SceneTimeRangeState } from '@grafana/scenes';
import { createElement } from 'react';

interface PanelTimeState extends SceneTimeRangeState {
  timeFrom?: string;
  timeShift?: string;
  hidden: boolean;
  info: string;
}

export class PanelTime extends SceneTimeRangeTransformerBase<PanelTimeState> {
  static Component = PanelTimeInfo;

  constructor(state: { timeFrom?: string; timeShift?: string; hidden: boolean }) {
    super({ ...state, from: 'now-6h', to: 'now', value: getDefaultTimeRange(), info: '' });
  }

  protected override ancestorTimeRangeChanged(range: SceneTimeRangeState) {
    const timeFrom = this.said(this.state.timeFrom);
    const timeShift = this.said(this.state.timeShift);
    const { value, info } = shifted(range.value, timeFrom, timeShift, this.getTimeZone());
    this.setState({ ...range, value, info });
  }

  private said(text: string | undefined): string | undefined {
    return text ? sceneGraph.interpolate(this, text) : undefined;
  }
}

export function shifted(range: TimeRange, timeFrom: string | undefined, timeShift: string | undefined, timeZone: string): { value: TimeRange; info: string } {
  let value = range;
  const info: string[] = [];
  if (timeFrom) {
    const { from, to, display, invalid } = rangeUtil.describeTextRange(timeFrom);
    if (invalid) {
      return { value: range, info: `timeFrom “${timeFrom}” is no span of time` };
    }
    // A relative range takes the place of another relative one only: a chosen day stays that day.
    if (rangeUtil.isRelativeTimeRange(range.raw)) {
      value = rangeUtil.convertRawToRange({ from, to }, timeZone);
      info.push(display);
    }
  }
  if (timeShift) {
    const back = `-${timeShift}`;
    const from = dateMath.parseDateMath(back, value.from, false);
    const to = dateMath.parseDateMath(back, value.to, true);
    if (!from || !to) {
      return { value: range, info: `timeShift “${timeShift}” is no span of time` };
    }
    value = { from, to, raw: { from, to } };
    info.push(`${timeShift} earlier`);
  }
  return { value, info: info.join(', ') };
}

function PanelTimeInfo({ model }: SceneComponentProps<PanelTime>) {
  const { hidden, info } = model.useState();
  return hidden || !info ? null : createElement('span', { className: 'panel-time-info', title: 'This panel’s own time' }, info);
}

