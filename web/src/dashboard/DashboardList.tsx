// All dashboards of the project: by folder, found by words and tags.
import type { GrafanaTheme2 } from '@grafana/data';
import { FilterInput, TagList, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useEffect, useMemo, useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { api, type DashboardEntry } from '../api';
import { ErrorCard } from '../host/ErrorCard';
import { Page } from '../shell/Page';

export default function DashboardList() {
  const styles = useStyles2(getStyles);
  const [params, setParams] = useSearchParams();
  const [entries, setEntries] = useState<DashboardEntry[]>();
  const [error, setError] = useState<unknown>();
  useEffect(() => void api.dashboards().then(setEntries, setError), []);

  const words = params.get('q') ?? '';
  const tag = params.get('tag');
  const folders = useMemo(() => byFolder((entries ?? []).filter((entry) => matches(entry, words, tag))), [entries, words, tag]);
  const set = (name: string, value: string | null) => {
    const next = new URLSearchParams(params);
    if (value) {
      next.set(name, value);
    } else {
      next.delete(name);
    }
    setParams(next, { replace: true });
  };

  return (
    <Page
      title="Dashboards"
      actions={
        <div className={styles.search}>
          {tag && (
            <button type="button" className={styles.tag} onClick={() => set('tag', null)} aria-label={`Show all tags, not ${tag} alone`}>
              {tag} ×
            </button>
          )}
          <FilterInput value={words} onChange={(value) => set('q', value)} placeholder="Search dashboards" escapeRegex={false} />
        </div>
      }
    >
      {error !== undefined && <ErrorCard error={error} />}
      {entries?.length === 0 && <p>The project has no dashboards yet. Put Grafana’s JSON files into its folder dashboards/.</p>}
      {entries && entries.length > 0 && folders.length === 0 && <p>No dashboard matches.</p>}
      {folders.map(([folder, inside]) => (
        <section key={folder} className={styles.folder}>
          {folder && <h2 className={styles.folderName}>{folder}</h2>}
          <ul className={styles.list}>
            {inside.map((entry) => (
              <li key={entry.uid} className={styles.entry}>
                <Link to={`/d/${encodeURIComponent(entry.uid)}`} className={styles.link}>
                  {entry.title}
                </Link>
                <span className={styles.description}>{entry.description}</span>
                <span className={styles.meta}>{entry.panels === 1 ? '1 panel' : `${entry.panels} panels`}</span>
                <TagList tags={entry.tags} onClick={(name) => set('tag', name)} className={styles.tags} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </Page>
  );
}

function matches(entry: DashboardEntry, words: string, tag: string | null): boolean {
  const text = [entry.title, entry.description, entry.folder, ...entry.tags].join(' ').toLowerCase();
  return (!tag || entry.tags.includes(tag)) && words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function byFolder(entries: DashboardEntry[]): Array<[string, DashboardEntry[]]> {
  const folders = new Map<string, DashboardEntry[]>();
  for (const entry of [...entries].sort((a, b) => a.title.localeCompare(b.title))) {
    folders.set(entry.folder ?? '', [...(folders.get(entry.folder ?? '') ?? []), entry]);
  }
  return [...folders].sort(([a], [b]) => a.localeCompare(b));
}

const getStyles = (theme: GrafanaTheme2) => ({
  search: css({ display: 'flex', gap: theme.spacing(1), alignItems: 'center', width: 'min(420px, 100%)' }),
  tag: css({
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.pill,
    background: theme.colors.background.secondary,
    color: theme.colors.text.primary,
    padding: theme.spacing(0.25, 1),
    whiteSpace: 'nowrap',
  }),
  folder: css({ marginBottom: theme.spacing(2) }),
  folderName: css({ ...theme.typography.h6, color: theme.colors.text.secondary, margin: theme.spacing(1, 0) }),
  list: css({
    listStyle: 'none',
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.primary,
  }),
  entry: css({
    display: 'grid',
    gridTemplateColumns: 'minmax(160px, 1.2fr) minmax(0, 2fr) 90px minmax(120px, 1fr)',
    gap: theme.spacing(2),
    alignItems: 'center',
    padding: theme.spacing(1, 1.5),
    '& + &': { borderTop: `1px solid ${theme.colors.border.weak}` },
    '&:hover': { background: theme.colors.action.hover },
    '@media (max-width: 767px)': { gridTemplateColumns: 'minmax(0, 1fr)', gap: theme.spacing(0.5) },
  }),
  link: css({ color: theme.colors.text.link, fontWeight: 500, minWidth: 0, overflowWrap: 'anywhere' }),
  description: css({ color: theme.colors.text.secondary, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }),
  meta: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  tags: css({ justifyContent: 'flex-start', minWidth: 0, '& li, & button': { maxWidth: '100%', overflow: 'hidden', textOverflow: 'ellipsis' } }),
});
