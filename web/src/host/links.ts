// Links that panels draw (data links, markdown) are plain anchors. Those to pages of ours are opened without loading the
// page anew.
import { locationService } from '@grafana/runtime';
import { prefix } from './boot';

export function openOwnLinksInPlace() {
  document.addEventListener('click', (event) => {
    const anchor = event.target instanceof Element ? event.target.closest('a') : null;
    const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!(anchor instanceof HTMLAnchorElement) || !anchor.hasAttribute('href') || event.defaultPrevented || !isPlain || anchor.target === '_blank' || anchor.hasAttribute('download')) {
      return;
    }
    const url = new URL(anchor.href, document.baseURI);
    if (url.origin !== location.origin || !url.pathname.startsWith(`${prefix}/`) || url.protocol === 'blob:') {
      return;
    }
    event.preventDefault();
    locationService.push(url.pathname.slice(prefix.length) + url.search + url.hash);
  });
}
