// The bar: the name of the project, the ways to the pages, the theme, the user.
import type { GrafanaTheme2 } from '@grafana/data';
import { Dropdown, IconButton, Menu, ToolbarButton, useStyles2 } from '@grafana/ui';
import { css, cx } from '@emotion/css';
import { Link, NavLink, useLocation } from 'react-router-dom';
import { useSession } from '../host/session';
import { useThemeSwitch } from '../host/Theme';

const pages = [
  { to: '/', label: 'Home' },
  { to: '/dashboards', label: 'Dashboards' },
  { to: '/pipe', label: 'Pipe' },
  { to: '/runs', label: 'Runs' },
  { to: '/sql', label: 'SQL' },
  { to: '/alerts', label: 'Alerts' },
];

export function NavBar() {
  const styles = useStyles2(getStyles);
  const { session } = useSession();
  const { mode, toggle } = useThemeSwitch();
  const { pathname } = useLocation();
  return (
    <header className={styles.bar}>
      <Link to="/" className={styles.brand} title={`Millrace ${session.version}`} aria-label={`${session.project?.name || 'Millrace'}, home`}>
        <Mark />
        <span className={styles.name}>{session.project?.name || 'Millrace'}</span>
      </Link>
      <nav className={styles.pages} aria-label="Pages">
        {pages.map(({ to, label }) => (
          <NavLink key={to} to={to} end={to === '/'} className={({ isActive }) => cx(styles.page, (isActive || (to === '/dashboards' && pathname.startsWith('/d/'))) && 'active')}>
            {label}
          </NavLink>
        ))}
      </nav>
      <div className={styles.tools}>
        <IconButton
          name="adjust-circle"
          tooltip={mode === 'dark' ? 'Light theme' : 'Dark theme'}
          onClick={toggle}
          size="md"
        />
        <UserMenu />
      </div>
    </header>
  );
}

function UserMenu() {
  const { session, logout } = useSession();
  if (!session.user || session.login === 'open') {
    return null;
  }
  const menu = (
    <Menu>
      <Menu.Item label={`${session.user.name} (${session.user.role})`} disabled />
      {session.login === 'password' && <Menu.Item label="Log out" icon="signout" onClick={() => void logout()} />}
    </Menu>
  );
  return (
    <Dropdown overlay={menu} placement="bottom-end">
      <ToolbarButton icon="user" aria-label={`User ${session.user.name}`} variant="canvas">
        {session.user.name}
      </ToolbarButton>
    </Dropdown>
  );
}

/** Two waves: water over a mill's race. */
function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0f6b7a" />
      <path
        d="M5 12c3.7 0 3.7 3 7.3 3s3.7-3 7.4-3 3.6 3 7.3 3M5 19c3.7 0 3.7 3 7.3 3s3.7-3 7.4-3 3.6 3 7.3 3"
        fill="none"
        stroke="#d9f3f6"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
    </svg>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(2),
    height: 40,
    flex: '0 0 auto',
    padding: theme.spacing(0, 1.5),
    background: theme.colors.background.primary,
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    position: 'sticky',
    top: 0,
    zIndex: theme.zIndex.navbarFixed,
    [theme.breakpoints.down('md')]: { gap: theme.spacing(1), padding: theme.spacing(0, 1) },
  }),
  brand: css({ display: 'flex', alignItems: 'center', gap: theme.spacing(1), color: theme.colors.text.maxContrast, fontWeight: 600, flex: '0 0 auto' }),
  name: css({ [theme.breakpoints.down('sm')]: { display: 'none' } }),
  pages: css({ display: 'flex', flex: 1, minWidth: 0, height: '100%', overflowX: 'auto', scrollbarWidth: 'none' }),
  page: css({
    display: 'flex',
    alignItems: 'center',
    padding: theme.spacing(0, 1.25),
    color: theme.colors.text.secondary,
    borderBottom: '2px solid transparent',
    borderTop: '2px solid transparent',
    whiteSpace: 'nowrap',
    '&:hover': { color: theme.colors.text.primary },
    '&.active': { color: theme.colors.text.maxContrast, borderBottomColor: theme.colors.primary.border },
  }),
  tools: css({ display: 'flex', alignItems: 'center', gap: theme.spacing(1), flex: '0 0 auto' }),
});
