// A link of a dashboard or of a panel: its variables filled in, its scheme checked, pages of our own opened in place.
import { textUtil, urlUtil } from '@grafana/data';
import { Icon } from '@grafana/ui';
import { sceneGraph, type SceneObject } from '@grafana/scenes';
import { Link } from 'react-router-dom';
import { prefix } from '../host/boot';
import type { LinkJson } from './json';
import { variablesOfUrl } from './urlState';

export function LinkItem({ link, object, className }: { link: LinkJson; object: SceneObject; className: string }) {
  const href = hrefOf(link, object);
  const title = sceneGraph.interpolate(object, link.title || link.url || 'Link', undefined, 'text');
  const inner = (
    <>
      <Icon name={link.targetBlank ? 'external-link-alt' : 'link'} size="sm" /> <span>{title}</span>
    </>
  );
  return isOwn(href) && !link.targetBlank ? (
    <Link to={withoutPrefix(href)} title={link.tooltip || title} aria-label={title} className={className}>
      {inner}
    </Link>
  ) : (
    <a href={isOwn(href) ? prefix + withoutPrefix(href) : href} title={link.tooltip || title} aria-label={title} className={className} target={link.targetBlank ? '_blank' : undefined} rel="noreferrer">
      {inner}
    </a>
  );
}

const isOwn = (href: string) => /^\/(?!\/)/.test(href);

const withoutPrefix = (href: string) => (prefix && href.startsWith(`${prefix}/`) ? href.slice(prefix.length) : href);

export function hrefOf(link: LinkJson, object: SceneObject): string {
  const url = sceneGraph.interpolate(object, link.url ?? '');
  const params: Record<string, string | string[]> = {};
  if (link.includeVars) {
    Object.assign(params, variablesOfUrl(object));
  }
  if (link.keepTime) {
    const { from, to } = sceneGraph.getTimeRange(object).state;
    Object.assign(params, { from, to });
  }
  return textUtil.sanitizeUrl(Object.keys(params).length > 0 ? urlUtil.appendQueryToUrl(url, urlUtil.toUrlParams(params)) : url);
}
