// A link to another page, in the colour of links and with a line under it where it stands in text.
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { css, cx } from '@emotion/css';
import { Link, type LinkProps } from 'react-router-dom';

export function Way({ className, ...props }: LinkProps) {
  const styles = useStyles2(getStyles);
  return <Link {...props} className={cx(styles.way, className)} />;
}

const getStyles = (theme: GrafanaTheme2) => ({
  way: css({ color: theme.colors.text.link, textDecoration: 'underline', textDecorationColor: theme.colors.border.strong, textUnderlineOffset: 3, '&:hover': { color: theme.colors.text.link, textDecorationColor: 'currentColor' } }),
});
