// Beside a panel's title: how fresh its data is, its links, and what the file asks for that is not done here.
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, Tooltip, useStyles2 } from '@grafana/ui';
import { SceneObjectBase, VariableDependencyConfig, sceneGraph, type SceneComponentProps, type SceneObjectState } from '@grafana/scenes';
import { css } from '@emotion/css';
import { answeredOf, describe, factsOfData } from './facts';
import type { LinkJson } from './json';
import { LinkItem } from './LinkItem';
import { useNow } from './now';

interface FactsState extends SceneObjectState {
  notices: string[];
  links: LinkJson[];
}

export class PanelFacts extends SceneObjectBase<FactsState> {
  static Component = Facts;

  /** Links hold variables. */
  protected override _variableDependency = new VariableDependencyConfig<FactsState>(this, {
    statePaths: [],
    onAnyVariableChanged: () => this.state.links.length > 0 && this.forceRender(),
  });
}

function Facts({ model }: SceneComponentProps<PanelFacts>) {
  const styles = useStyles2(getStyles);
  const { notices, links } = model.useState();
  sceneGraph.getTimeRange(model).useState();
  return (
    <>
      {links.map((link, at) => (
        <LinkItem key={at} link={link} object={model} className={styles.item} />
      ))}
      {notices.length > 0 && (
        <Tooltip content={<Notices notices={notices} />}>
          <span className={styles.notice} tabIndex={0} role="note" aria-label={`not all shown: ${notices.join(' ')}`}>
            <Icon name="exclamation-triangle" size="sm" /> <span className={styles.wide}>not all shown</span>
          </span>
        </Tooltip>
      )}
      <Freshness model={model} />
    </>
  );
}

function Freshness({ model }: { model: PanelFacts }) {
  const styles = useStyles2(getStyles);
  const { data } = answeredOf(model).useState();
  const now = useNow();
  const all = factsOfData(data);
  if (all.length === 0) {
    return null;
  }
  const { age, line } = describe(all, now);
  return (
    <Tooltip content={line}>
      <span className={styles.fresh} tabIndex={0} role="note" aria-label={line}>
        <Icon name="clock-nine" size="xs" /> {age && <span className={styles.wide}>{age}</span>}
      </span>
    </Tooltip>
  );
}

function Notices({ notices }: { notices: string[] }) {
  return (
    <>
      {notices.map((notice) => (
        <div key={notice}>{notice}</div>
      ))}
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => {
  const item = {
    display: 'inline-flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    padding: theme.spacing(0, 0.5),
    fontSize: theme.typography.bodySmall.fontSize,
    whiteSpace: 'nowrap',
    lineHeight: 1,
  } as const;
  return {
    item: css({ ...item, color: theme.colors.text.link, '@container (max-width: 260px)': { padding: 0, span: { display: 'none' } } }),
    fresh: css({ ...item, '@container (max-width: 260px)': { padding: 0 }, color: theme.colors.text.secondary, fontVariantNumeric: 'tabular-nums' }),
    notice: css({ ...item, color: theme.colors.warning.text }),
    wide: css({ '@container (max-width: 260px)': { display: 'none' } }),
  };
};
