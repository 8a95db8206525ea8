// The project's dashboards, those opened last first.
import type { GrafanaTheme2 } from '@grafana/data';
import { TagList, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState } from 'react';
import { api, type DashboardEntry } from '../../api';
import { Section } from '../kit/Section';
import { Loaded, Nothing } from '../kit/States';
import { usePolled } from '../kit/usePolled';
import { Way } from '../kit/Way';
import { plural } from '../kit/words';
import { byRecency, recent, visit } from './recent';

const EVERY_MS = 30_000;

export function Dashboards() {
  const styles = useStyles2(getStyles);
  const dashboards = usePolled(() => api.dashboards(), EVERY_MS);
  const [opened] = useState(recent);
  return (
    <Section title="Dashboards" note={dashboards.data && plural(dashboards.data.length, 'dashboard')}>
      <Loaded from={dashboards} lines={5}>
        {(entries) =>
          entries.length === 0 ? (
            <Nothing title="The project has no dashboards yet" icon="apps">
              Put Grafana’s JSON files into the folder <code>dashboards/</code> of the project, or bring them from a Grafana with <code>millrace grafana import FILE</code>. They
              are here as soon as they are there. Until then <Way to="/sql">ask the data in SQL</Way>.
            </Nothing>
          ) : (
            <ul className={styles.list}>
              {byRecency(entries, opened).map((entry) => (
                <Entry key={entry.uid} entry={entry} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Section>
  );
}

function Entry({ entry }: { entry: DashboardEntry }) {
  const styles = useStyles2(getStyles);
  return (
    <li className={styles.entry}>
      <div className={styles.head}>
        <Way to={`/d/${encodeURIComponent(entry.uid)}`} className={styles.link} onClick={() => visit(entry.uid)}>
          {entry.title}
        </Way>
        <span className={styles.meta}>
          {entry.folder && `${entry.folder} · `}
          {plural(entry.panels, 'panel')}
        </span>
      </div>
      {entry.description && <p className={styles.description}>{entry.description}</p>}
      {entry.tags.length > 0 && <TagList tags={entry.tags} className={styles.tags} />}
    </li>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ listStyle: 'none', margin: 0, padding: 0 }),
  entry: css({ padding: theme.spacing(1, 0), '& + &': { borderTop: `1px solid ${theme.colors.border.weak}` } }),
  head: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'baseline', gap: theme.spacing(0, 1.5) }),
  link: css({ color: theme.colors.text.link, fontWeight: 500, fontSize: theme.typography.h5.fontSize, '&:hover': { textDecoration: 'underline' } }),
  meta: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, marginLeft: 'auto' }),
  description: css({ color: theme.colors.text.secondary, margin: theme.spacing(0.25, 0, 0) }),
  tags: css({ justifyContent: 'flex-start', marginTop: theme.spacing(0.5), '& li': { maxWidth: '100%' }, '& span': { whiteSpace: 'normal' } }),
});
