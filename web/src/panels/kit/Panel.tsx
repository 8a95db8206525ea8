// What every panel stands in: frames made sane, a fence around errors, a named figure, and the state without data.
import { Component, type ComponentType, type ReactNode, useMemo } from 'react';
import { css } from '@emotion/css';
import type { DataFrame, GrafanaTheme2, PanelProps } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { rows, saneFrames } from './frame';

export function panel<T extends object>(Inner: ComponentType<PanelProps<T>>): ComponentType<PanelProps<T>> {
  return function Panel(props: PanelProps<T>) {
    const theme = useTheme2();
    const { data, timeZone, width, height } = props;
    const series = useMemo(() => saneFrames(data?.series, theme, timeZone), [data?.series, theme, timeZone]);
    const whole = useMemo(() => ({ ...data, series }), [data, series]);
    if (!(width > 1) || !(height > 1)) {
      return null;
    }
    return (
      <Fence title={props.title} reset={whole} options={props.options}>
        <Inner {...props} data={whole} options={props.options ?? ({} as T)} />
      </Fence>
    );
  };
}

/** An error in one panel stays in that panel, and goes away with the next data or options. */
class Fence extends Component<{ title: string; reset: unknown; options: unknown; children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  componentDidUpdate(before: { reset: unknown; options: unknown }) {
    if (this.state.error && (before.reset !== this.props.reset || before.options !== this.props.options)) {
      this.setState({ error: undefined });
    }
  }
  render() {
    const { error } = this.state;
    return error ? <Message title={this.props.title} head="This panel cannot be drawn" body={error.message} /> : this.props.children;
  }
}

/** The named box around a drawing. `label` says in words what the picture shows. */
export function Figure(props: { label: string; width: number; height: number; children: ReactNode }) {
  const { label, width, height, children } = props;
  return (
    <div role="figure" aria-label={label} style={{ width, height, position: 'relative', overflow: 'hidden' }}>
      {children}
    </div>
  );
}

/** No rows at all, or rows of which the panel can make nothing: then it says what it needs. */
export function NoData(props: { title: string; frames: DataFrame[]; needs: string; noValue?: string }) {
  const empty = rows(props.frames) === 0;
  return (
    <Message title={props.title} head={props.noValue || 'No data'}
      body={empty ? undefined : `Needs ${props.needs}; change the query or its format.`} />
  );
}

export function Message({ title, head, body }: { title: string; head: string; body?: string }) {
  const styles = useStyles2(messageStyles);
  return (
    <div role="figure" aria-label={`${title ? `${title}: ` : ''}${head}`} className={styles.box}>
      <div>{head}</div>
      {body && <div className={styles.body}>{body}</div>}
    </div>
  );
}

const messageStyles = (theme: GrafanaTheme2) => ({
  box: css({
    height: '100%', width: '100%', display: 'flex', flexDirection: 'column', justifyContent: 'center', alignItems: 'center',
    textAlign: 'center', overflow: 'auto', color: theme.colors.text.secondary, padding: theme.spacing(1), gap: theme.spacing(0.5),
    overflowWrap: 'anywhere',
  }),
  body: css({ ...theme.typography.bodySmall, maxWidth: 420 }),
});
