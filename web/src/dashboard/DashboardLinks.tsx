// The links of the file: to addresses, and to all dashboards with some tags.
import type { GrafanaTheme2 } from '@grafana/data';
import { Dropdown, Menu, ToolbarButton, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { locationService } from '@grafana/runtime';
import { useEffect, useState } from 'react';
import { api, type DashboardEntry } from '../api';
import type { DashboardScene } from './DashboardScene';
import type { LinkJson } from './json';
import { LinkItem, hrefOf } from './LinkItem';

export function DashboardLinks({ scene, links }: { scene: DashboardScene; links: LinkJson[] }) {
  const styles = useStyles2(getStyles);
  const wantsList = links.some((link) => link.type === 'dashboards');
  const [dashboards, setDashboards] = useState<DashboardEntry[]>([]);
  useEffect(() => {
    if (wantsList) {
      api.dashboards().then(setDashboards, () => setDashboards([]));
    }
  }, [wantsList]);
  // An address may hold variables, so the links are drawn anew with them.
  scene.state.$variables?.useState();
  return (
    <>
      {links.map((link, at) => {
        if (link.type !== 'dashboards') {
          return <LinkItem key={at} link={link} object={scene} className={styles.link} />;
        }
        const targets = tagged(dashboards, link, scene.state.uid);
        return link.asDropdown ? (
          <Choice key={at} title={link.title || 'Dashboards'} links={targets} scene={scene} />
        ) : (
          targets.map((target) => <LinkItem key={`${at}-${target.url}`} link={target} object={scene} className={styles.link} />)
        );
      })}
    </>
  );
}

function tagged(dashboards: DashboardEntry[], link: LinkJson, own: string): LinkJson[] {
  const tags = link.tags ?? [];
  return dashboards
    .filter(({ uid, tags: has }) => uid !== own && tags.every((tag) => has.includes(tag)))
    .map(({ uid, title }) => ({ ...link, type: 'link', title, url: `/d/${encodeURIComponent(uid)}` }));
}

function Choice({ title, links, scene }: { title: string; links: LinkJson[]; scene: DashboardScene }) {
  const menu = (
    <Menu>
      {links.map((link) => (
        <Menu.Item key={link.url} label={link.title ?? ''} onClick={() => locationService.push(hrefOf(link, scene))} />
      ))}
    </Menu>
  );
  return (
    <Dropdown overlay={menu}>
      <ToolbarButton variant="canvas" isOpen={false}>
        {title}
      </ToolbarButton>
    </Dropdown>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  link: css({
    display: 'inline-flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    fontSize: theme.typography.bodySmall.fontSize,
    color: theme.colors.text.link,
  }),
});
